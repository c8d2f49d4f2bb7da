"""The HTTP face: feeds, learners' pages, API, administrators."""
