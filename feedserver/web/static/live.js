// Brings what changes by itself up to date while somebody looks, and leaves alone what they are in the middle of. Without it the page is the same.
(() => {
  const every = 10000;
  const busy = (part) =>
    part.contains(document.activeElement) || part.querySelector("details[open], input:checked") !== null;
  const refresh = async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (other && !busy(part)) part.replaceWith(document.adoptNode(other));
    }
  };
  setInterval(() => refresh().catch(() => {}), every);
})();
