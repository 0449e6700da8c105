"""The dashboard in other languages and colours: every word that pages say is in the table, and none for nothing."""

import re
from pathlib import Path

import pytest
from test_dashboard import LB, ONE, Said, logged_in

import evener.dashboard
from evener.dashboard import balancer, members, quotas, rates, wizard
from evener.dashboard.chinese import CHINESE
from evener.dashboard.fields import KINDS, LOADBALANCER
from evener.dashboard.listing import COLUMNS
from evener.dashboard.words import THEMES, language_of

HERE = Path(evener.dashboard.__file__).parent
IN_TEMPLATES = re.compile(r'_\("([^"]+)"')
IN_CALLS = re.compile(r'\b(?:text|select)\([^)]*?"[\w.]+", "([^"]+)"')
IN_CODE = re.compile(
    r'say\(\s*"([^"]+)"|"(?:title|act)": "([^"]+)"|^[A-Z_]+ = "([A-Z][^"]+ [^"]+)"', re.MULTILINE
)
IN_PROBLEMS = re.compile(r'_problem\([^)]*?, "([^"]+)"|Refused\(403, "([^"]+)"')


def said() -> set[str]:
    """Return all that pages say and that is not an API's."""
    found: set[str] = set()
    for each in (HERE / "templates").iterdir():
        text = each.read_text()
        found |= set(IN_TEMPLATES.findall(text)) | set(IN_CALLS.findall(text))
    for each in HERE.glob("*.py"):
        text = each.read_text()
        found |= {
            part for match in (*IN_CODE.findall(text), *IN_PROBLEMS.findall(text)) for part in match if part
        }
    fields = [field for kind in (LOADBALANCER, *KINDS) for field in kind.fields]
    fields += [*members.FIELDS, *quotas.FIELDS, *(field for part in wizard.ALL.values() for field in part)]
    found |= {field.label for field in fields} | {kind.label for kind in (LOADBALANCER, *KINDS)}
    found |= {title for _, title, _ in rates.TITLES} | set(wizard.TITLES.values()) | set(COLUMNS.values())
    found |= {balancer.LISTENERS, balancer.MEMBERS}
    return found | {words for _, words in THEMES}


def test_every_word_is_there_in_chinese_and_none_for_nothing() -> None:
    wanted = said()
    assert sorted(wanted - CHINESE.keys()) == []
    assert sorted(CHINESE.keys() - wanted) == []


def test_what_is_to_be_filled_in_is_in_both() -> None:
    for english, chinese in CHINESE.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("", "de,en;q=0.5,zh;q=0.3", "en"),
        ("en", "zh-CN", "en"),
        ("zh-Hans", "en", "zh-Hans"),
        ("tlh", "fr", "en"),
    ],
)
def test_the_language_is_the_one_that_was_chosen_or_the_browsers(
    chosen: str, accepted: str, language: str
) -> None:
    assert language_of(chosen, accepted) == language


def test_pages_are_in_the_language_and_colours_that_were_chosen() -> None:
    browser = logged_in(Said(ONE))
    cookie = browser._default_headers["Cookie"]
    headers = {"Cookie": f"{cookie}; evener_theme=dark", "Accept-Language": "zh-CN"}
    text = browser.simulate_get(f"/dashboard/balancers/{LB}", headers=headers).text
    assert '<html lang="zh-Hans" data-theme="dark">' in text
    assert CHINESE["Listeners"] in text
    answer = browser.simulate_post(
        "/dashboard/preferences",
        body="theme=light&language=en&next=https://example.org/",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.headers["Location"] == "/dashboard/balancers"
    assert (answer.cookies["evener_theme"].value, answer.cookies["evener_language"].value) == ("light", "en")


def test_no_template_has_words_that_nobody_translates() -> None:
    spoken = re.compile(r">\s*([A-Z][a-z]+(?: [\w,]+)*[.:]?)\s*<")
    found = {word for each in (HERE / "templates").iterdir() for word in spoken.findall(each.read_text())}
    assert found == {"Evener"}
