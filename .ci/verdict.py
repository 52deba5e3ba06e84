"""Fail when the browser tests did not all run: python .ci/verdict.py RESULTS.xml"""

import sys
from xml.etree import ElementTree as ET

BROWSER = "tests.browser"


def main(path: str) -> int:
    cases = ET.parse(path).iter("testcase")  # noqa: S314  pytest wrote it a moment ago
    browser = [case for case in cases if case.get("classname", "").startswith(BROWSER)]
    skipped = [case.get("name") for case in browser if case.find("skipped") is not None]
    print(f"browser tests: {len(browser)} found, {len(skipped)} skipped")
    for name in skipped:
        print(f"  skipped: {name}")
    return 1 if skipped or not browser else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
