"""The names that a report may show: those of the vendor's pages, and names made of known technical words alone.

A server's JSON objects may be keyed by customers' data, such as a SKU, so a name that isn't known for a field's
is data until the opposite is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

#: Stands for all names of an object that a report may not show.
HIDDEN = "*"

_DOCUMENTED = """
    id state flowCount revision version component name comments parentGroupId variables !projectSlug
    !projectId !createdDate !flowId !flowSlug !flowType !inbound !outbound !schedulingStrategy
    !schedulingPeriod !omnitron.param.erp_login_slug
    count limit page previous next results filename_uuid original_filename_uuid process_group_id
    process_group_name parent_process_group_id created finished status process_count success_count
    fail_count flow_order row_num fragment_count schedule is_send_S3 in_bound log_type is_triggered
    triggered_by sub_flows
"""
_WORDS = """
    accept access account action active actual added after age alert algorithm all allow allowed amount amz
    amzn and api app application archive args array at attempt attempts attribute attributes auth
    authentication authorization available average aws base batch bearer before begin begun bind body bool
    boolean bound bounds branch bucket bulletin bulletins bundle by bytes cache call can category cause cf
    channel character charset check checksum child children class client close closed cluster code codes
    collection column columns comment component components condition config configuration connection
    connections content contents context control controller cookie copied correlation cors count counts cpu
    create created creation credentials cron currency current custom data database date dates day days debug
    default delay delete deleted delivered description desired destination detail details device direction
    directive disabled disk display document domain done download drop due duration elapsed email enabled
    encoding end ended endpoint entity entries entry env environment envoy erp error errors etag event
    events exception exec execution executions expected expires export expose external fail failed fails
    failure failures fatal field fields file filename files filter final finish finished first flag flow
    flows folder for format found fragment frame from full function gateway group groups gzip handler has
    hash header headers health host hour hours html http https id identifier identity ids image images in
    inactive inbound incoming index info input instance integer internal interval invalid is item items json
    key keys kind kong label labels lang language last latency layer length level limit limits line lines
    link links list loaded local locale location log logger login logs main map mapping mappings max maximum
    media memory message messages meta metadata method methods microtime millis milliseconds min minimum
    minute minutes mode model modified module ms name names namespace next node nodes not note null num
    number object objects offset ok omnitron on only open operation option optional options or order
    ordering orders origin original outbound outgoing output owner page pages param parameter parameters
    params parent parents part partial partner path pattern payload percent period permission permissions
    ping policy pool port position powered pragma prefix previous price prices priority process processed
    processes processing processor processors product products progress project projects properties property
    protocol provider proxy public quantity query queue queued range rate raw ray read reason received
    record records ref reference referrer region registry relation remaining remote remove removed repeat
    report req request requested requests required res reset resource resources resp response responses
    result results retries retry revision role root route row rows rule rules run running runtime sample
    schedule scheduled scheduling schema scope script search second seconds section security sent sequence
    served server service session set setting settings severity shard signature size skip skipped sku slug
    sort source sources span stack stage start started state states static statistics stats status step
    steps stock stop stopped storage store stored strategy strict string sub succeeded success successful
    summary supported sync system tag tags target task tasks team tenant test text then thread threshold
    throughput time timeout timestamp title to token total trace traceback track transaction transfer
    transport trigger triggered type types ui unit update updated updater updates upload uri url usage used
    user username uuid valid validation value values variable variables vary version via view warning
    warnings web weight window with worker write written x xml year zip zone
"""
#: The names on the vendor's pages: those of List projects and List flows, and those of List logs.
DOCUMENTED = frozenset(_DOCUMENTED.split())
#: The words of which another name may be made: those of HTTP, of APIs, of NiFi and of a shop's rows.
WORDS = frozenset(_WORDS.split())

_NAME = re.compile(r"!?[A-Za-z]+(?:[._:-]+[A-Za-z]+)*", re.ASCII)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)
_MAX_LENGTH = 60


class Names:
    """Decides which names a report shows.

    A name on the vendor's pages is shown. Another one is shown if each of its words is one of :data:`WORDS`, and if
    nothing that was seen has it as a value: a map may be keyed by the slugs of flows, and those are words, too.

    :param values: All values that were seen, of the server's and of the connection's.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = {value.strip().casefold() for value in values}

    def shown(self, name: str) -> str:
        """Return the name, or :data:`HIDDEN`.

        :param name: A name of a JSON object, or of a header.
        """
        if name in DOCUMENTED:
            return name
        is_technical = (
            len(name) <= _MAX_LENGTH
            and _NAME.fullmatch(name) is not None
            and all(word.lower() in WORDS for word in _WORD.findall(name))
        )
        return name if is_technical and name.casefold() not in self._values else HIDDEN


def texts_in(document: Any) -> set[str]:
    """Collect the values of a document, as texts.

    :param document: Decoded JSON.
    :return: Each text, and each number as JSON writes it; no name of a field.
    """
    found, pending = set(), [document]
    while pending:  # not recursive: an answer may be nested deeply
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, str):
            found.add(value)
        else:
            found.add(json.dumps(value))
    return found
