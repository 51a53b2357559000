"""Runs the EQL rules of content/elastic with the library that EQL comes from, over the scenarios of tests/content: each must fire where it
should and stay quiet where it should. Usage: elastic-rules.py SCENARIOS, a file of {rule: {fires: [[event]], quiet: [[event]]}} in ECS.
"""

import json
import sys
from datetime import datetime

import eql
from eql.parser import allow_runs, elasticsearch_syntax, parse_query

RULES = "content/elastic/elasticsearch/detection-rules.ndjson"
# Of Windows' file time, which the library's `maxspan` counts in.
TICKS_PER_SECOND = 10_000_000


def fires(query, events):
    found = []
    engine = eql.PythonEngine()
    engine.add_query(query)
    engine.add_output_hook(found.append)
    for event in events:
        seconds = datetime.fromisoformat(event["@timestamp"].replace("Z", "+00:00")).timestamp()
        engine.stream_event(eql.Event("any", int(seconds * TICKS_PER_SECOND), event))
    engine.finalize()
    return bool(found)


def main():
    with open(RULES, encoding="utf8") as lines:
        rules = [json.loads(line) for line in lines]
    with open(sys.argv[1], encoding="utf8") as file:
        scenarios = json.load(file)
    wrong = ran = 0
    for rule in (rule for rule in rules if rule.get("language") == "eql"):
        with elasticsearch_syntax, allow_runs:
            query = parse_query(rule["query"])
        for expected, name in ((True, "fires"), (False, "quiet")):
            for index, events in enumerate(scenarios[rule["name"]][name]):
                ran += 1
                if fires(query, events) != expected:
                    wrong += 1
                    print(f"EQL: {rule['name']}: {name} {index} went the other way", file=sys.stderr)
    print(f"EQL: {ran - wrong} of {ran} scenarios went as they should")
    return 1 if wrong or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
