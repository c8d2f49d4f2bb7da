"""How mail servers begin to say in words alone that a mail did not arrive: about fifty forms that bear no delivery status (RFC 3464).

Taken from what servers of three decades write; a form counts where a line among the first begins with it, unquoted, so that somebody who
quotes a bounce to us is still read as a person.
"""

from __future__ import annotations

import re

_FIRST = 1200
_FORMS = (
    # qmail and what came of it, Yahoo, Outblaze, GoDaddy
    r"hi\. (?:this is|the mta program)|i'm afraid i wasn't able to deliver|message from \S+\.\s*$|unable to deliver message to the following address",
    r"we(?:'re| are) sorry\. there(?:'s| is) a problem with the e-?mail address|sorry, we were unable to deliver your message",
    # Exim, and mail delivery software of many makers
    r"this (?:is an automated message|message was) created (?:automatically )?by (?:the )?mail delivery (?:software|system)",
    r"this message was created automatically by (?:the )?(?:smtp relay|mail system)|a message that you sent (?:could not be|has not yet been) delivered",
    # Postfix, Sendmail
    r"this is the (?:\S+ ){0,3}(?:postfix|mail system|keftamail)|i'm sorry to have to inform you",
    r"-{3,} ?(?:the following addresses had (?:permanent|transient)|transcript of session follows)|the original message was received at",
    # Exchange, IIS, Office
    r"this is an automatically generated delivery status notification|your message did not reach some or all of the intended recipients",
    r"your message\s*$|the following recipient\(s\) (?:could not be reached|cannot be reached)|delivery has failed to these recipients",
    r"-+ ?non-delivery report|the e-?mail system (?:was|is) unable to deliver",
    # Notes and Domino, GroupWise, Netscape, Lotus
    r"your message\s+subject:|the message that you sent was undeliverable|the attached message cannot be delivered|was not delivered to:",
    # Gateways and virus walls
    r"\*{3,} ?message from interscan|the following mail could not be delivered|could not deliver message to the following recipient",
    r"your message with subject:|-{3,} ?failed recipients|-{3,} ?(?:user|message) not (?:found|delivered)|-+message not delivered to",
    # small ones: SMTP32, hMailServer, MDaemon, Kerio, Mercury, phquery, AOL, hotpop, Sina, Mail.Ru, Jetmail
    r"undeliverable to |unknown user: |delivery failed \d+ attempts|invalid final delivery userid|user mailbox exceeds|user's mailbox is full",
    r"your mail (?:cannot be delivered|to the following recipients could not be)|the following address(?:es)? (?:failed|had)|the address(?:es)? (?:below|to which)",
    r"undeliverable address:|no valid recipients were found|an error was detected while processing|intended recipient:",
    r"your message (?:to \S+ )?(?:was automatically rejected|could not be delivered|has encountered delivery problems|was not delivered)",
    r"the (?:e-?mail|message) (?:below |that )?(?:you sent )?could not be delivered|your message cannot be delivered|your message to:?\s*$",
    r"this (?:report|mail) relates to (?:a message|your message)|failed to deliver to |mail could not be delivered",
    # in other languages
    r"votre message n'a (?:pas )?pu|le message suivant n'a pas|ihre nachricht (?:konnte|wurde) nicht|diese nachricht wurde automatisch",
    r"su mensaje no (?:pudo|ha podido)|il (?:suo )?messaggio non|uw bericht (?:kon|is) niet|邮件无法|это письмо создано автоматически|к сожалению, ваше письмо",
)
_BEGINS = re.compile(rf"^[ \t]*(?:{'|'.join(_FORMS)})", re.I | re.M)
_DELAYED = re.compile(
    r"has not yet been delivered|has been (?:delayed|postponed)|warning message only|this is just a warning|advisory-only|"
    r"delivery attempts will continue|will be retried|will continue to (?:try|attempt)|noch nicht zugestellt|n'a pas encore",
    re.I,
)


def says_undelivered(text: str) -> bool:
    """Whether a server says here that a mail did not arrive, or not yet."""
    return bool(_BEGINS.search(text[:_FIRST].lstrip()))


def says_delayed(text: str) -> bool:
    """Whether it goes on trying: no bounce yet."""
    return bool(_DELAYED.search(text[: 2 * _FIRST]))
