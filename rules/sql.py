"""SQL in a value: read it as a database would, in every quoting it may land in, and judge the grammar.

A value is put into somebody's statement, so it is read four times: as it stands (a number's place), and as the rest of a text that
its first ', " or ` closes. Each reading becomes a row of token kinds (`1' or 'a'='a` is a closed text, a logic word, a text, a comparison, a text), and
the row is injection when it holds a construct that changes a statement: logic with a comparison of constants, UNION SELECT, a second
statement, a sub-select, a timing or error function, a closed text followed by a comment. Words alone never are: English has most of them.

Tokens are at most MAX_TOKENS a reading; what follows is not read, and a reading costs time linear in what is read.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

MAX_TOKENS = 500

# Kinds of token. Lower case: operands; upper case: words with a role; signs stand for themselves.
_NUMBER, _TEXT, _OPEN_TEXT, _NAME, _CONSTANT = 110, 115, 113, 98, 118  # n s q b v
_CALL, _KNOWN_CALL, _HOT_CALL, _HOT_NAME = 120, 102, 104, 105  # x f h i
_COMPARE, _LIKE, _LOGIC, _PIPES, _UNARY, _ARITHMETIC, _STAR = 61, 76, 38, 124, 33, 43, 42  # = L & | ! + *
_UNION, _SELECT, _FROM, _WHERE, _BY, _LIMIT, _VERB, _NOUN, _MISC = 85, 83, 70, 87, 66, 77, 69, 84, 107  # U S F W B M E T k
_OPEN, _CLOSE, _COMMA, _SEMICOLON, _DOT, _COMMENT, _QUOTE, _OTHER = 40, 41, 44, 59, 46, 99, 81, 63  # ( ) , ; . c Q ?


def _table() -> dict[bytes, int]:
    table: dict[bytes, int] = {}
    for kind, words in (
        (_LOGIC, "and or xor"),
        (_UNARY, "not binary any some"),
        (_LIKE, "like rlike regexp between in is sounds similar ilike glob match div mod escape isnull notnull"),
        (_CONSTANT, "null true false current_user session_user current_date current_timestamp sysdate rownum nan system_user dual unknown"),
        (_UNION, "union except intersect minus"),
        (_SELECT, "select"),
        (_FROM, "from"),
        (_WHERE, "where having"),
        (_BY, "order group"),
        (_LIMIT, "limit offset procedure fetch"),
        (
            _VERB,
            "insert update delete drop alter create truncate exec execute declare call merge grant revoke begin waitfor shutdown replace "
            "load handler backup restore rename kill copy dbcc attach pragma do",
        ),
        (
            _NOUN,
            "table database schema view index trigger column into set values user role login tablespace sequence function delay time "
            "outfile dumpfile infile package synonym tables columns data",
        ),
        (_MISC, "as all distinct case when then else end top join inner left right cross natural on using by asc desc if elseif unhex_ collate"),
    ):
        for word in words.split():
            table[word.encode()] = kind
    return table


WORDS = _table()
KNOWN_CALLS = frozenset(
    b"char chr nchar ascii ord concat concat_ws group_concat string_agg listagg substring substr substring_index mid left right hex unhex bin oct conv cast "
    b"convert elt field make_set export_set row exp floor ceil ceiling rand random count sum min max avg version database schema user "
    b"current_user session_user system_user if iif ifnull nullif isnull nvl coalesce length len char_length octet_length bit_length upper lower ucase "
    b"lcase reverse repeat replicate space replace lpad rpad ltrim rtrim trim stuff md5 sha sha1 sha2 crypt_key exists like instr locate position "
    b"find_in_set strcmp greatest least least interval from_base64 to_base64 compress uncompress encode decode json_extract json_keys json_value "
    b"json_arrayagg json_object xmlagg row_count found_rows last_insert_id db_name host_name object_id object_name col_name is_srvrolemember "
    b"is_member has_dbaccess servername quotename tochar to_char to_number to_date rownum rawtohex unistr bitand sign pow power sqrt mod abs round now "
    b"sysdate generate_series array_to_string current_setting current_database query_to_xml database_to_xml pg_read_file pg_ls_dir lo_import "
    b"regexp_substring regexp_like regexp_replace regexp_instr soundex patindex charindex stat datediff dateadd getdate makearray "
    b"uuid uuid_short point polygon linestring multipoint geometrycollection analyse analyze typeof quote glob zeroblob likelihood unicode hextoraw "
    b"case in values any all some not xor and or between div".split()
)
HOT_CALLS = frozenset(
    b"sleep benchmark pg_sleep pg_sleep_for pg_sleep_until load_file extractvalue updatexml xmltype randomblob xp_cmdshell xp_dirtree xp_fileexist xp_regread "
    b"xp_regwrite xp_subdirs sp_executesql sp_password sp_oacreate sp_makewebtask openrowset opendatasource openquery load_extension gtid_subset "
    b"gtid_subtract st_latfromgeohash st_longfromgeohash st_pointfromgeohash name_const utl_inaddr utl_http get_lock is_free_lock release_lock "
    b"sqlid_to_sqlhash get_host_address init drithsx receive_message ctxsys lo_export dblink dblink_connect sys_eval sys_exec regexp_substring "
    b"crypt_key json_storage_size ora_hash xmlquery readfile writefile fts3_tokenizer".split()
)
HOT_NAMES = frozenset(
    b"information_schema sysobjects syscolumns sysusers sysdatabases syslogins systables pg_catalog pg_tables pg_user pg_shadow pg_class sqlite_master "
    b"sqlite_schema sqlite_temp_master all_tables all_tab_columns user_tables user_tab_columns dba_users dba_tables msysaccessobjects msysobjects "
    b"msysqueries sysibm sysmaster mysql innodb_table_stats performance_schema dbms_pipe dbms_lock dbms_utility dbms_ldap dbms_xmlgen dbms_java "
    b"utl_inaddr utl_http ctxsys xp_cmdshell sys_context domain domain.domains table_schema table_name column_name sysserver "
    b"v$version v$instance fn_virtualfilestats".split()
) - frozenset({b"domain", b"mysql", b"table_name", b"column_name"})


@cython.cfunc
@cython.inline
@cython.exceptval(-1, check=True)
def _letter(c: cython.int) -> cython.bint:
    return (97 <= c <= 122) or (65 <= c <= 90) or c == 95 or c == 36 or c >= 128


@cython.cfunc
@cython.inline
@cython.exceptval(-1, check=True)
def _digit(c: cython.int) -> cython.bint:
    return 48 <= c <= 57


@cython.final
@cython.cclass
class SqlReader:
    """Reads values one after another; holds the tokens of the last reading."""

    def __init__(self) -> None:
        self.count = self.inline_comments = self.executable_comments = 0
        self.comment_from = self.comment_to = 0
        if not cython.compiled:
            self.kind = [0] * 600
            self.at = [0] * 600
            self.to = [0] * 600

    def injected(self, data: Any, start: Any, end: Any) -> Any:
        """Whether data[start:end] would change a statement it is put into."""
        i: cython.Py_ssize_t
        quote: cython.int
        single: cython.Py_ssize_t = -1
        double: cython.Py_ssize_t = -1
        back: cython.Py_ssize_t = -1
        if end - start > 16384:
            end = start + 16384
        self.data = data
        for i in range(start, end):
            quote = data[i]
            if quote == 39 and single < 0:
                single = i
            elif quote == 34 and double < 0:
                double = i
            elif quote == 96 and back < 0:
                back = i
        self._tokens(start, end, False)
        if self._judge(False, start, end):
            return True
        if single >= 0:
            self._tokens(single + 1, end, True)
            if self._judge(True, single + 1, end):
                return True
        if double >= 0:
            self._tokens(double + 1, end, True)
            if self._judge(True, double + 1, end):
                return True
        if back >= 0:
            self._tokens(back + 1, end, True)
            if self._judge(True, back + 1, end):
                return True
        return False

    def shape(self, data: Any, start: Any, end: Any, quoted: Any) -> str:
        """The kinds of a reading's tokens as letters: for tests and for a person who wonders."""
        self.data = data
        self._tokens(start, end, quoted)
        return "".join(chr(self.kind[i]) for i in range(self.count))

    def _add(self, kind: Any, start: Any, end: Any) -> Any:
        n: cython.int = self.count
        if n < MAX_TOKENS:
            self.kind[n] = kind
            self.at[n] = start
            self.to[n] = end
            self.count = n + 1
        return 0

    def _tokens(self, start: Any, end: Any, quoted: Any) -> Any:
        """Split data[start:end] into tokens; comments between tokens are counted and left out, one at the end becomes a token."""
        i: cython.Py_ssize_t = start
        j: cython.Py_ssize_t
        c: cython.int
        nxt: cython.int
        data: cython.const[cython.uchar][::1] = self.data
        self.count = self.inline_comments = self.executable_comments = 0
        self.comment_from = self.comment_to = -1
        if quoted:
            self._add(_QUOTE, start, start)
        while i < end and self.count < MAX_TOKENS:
            c = data[i]
            nxt = data[i + 1] if i + 1 < end else 0
            if c <= 32 or c == 160:
                i += 1
            elif _letter(c):
                i = self._word(i, end)
            elif _digit(c) or (c == 46 and _digit(nxt)):
                j = i
                if c == 48 and (nxt == 120 or nxt == 88 or nxt == 98 or nxt == 66):
                    j = i + 2
                    while j < end and (_digit(data[j]) or 97 <= (data[j] | 32) <= 102):
                        j += 1
                else:
                    while j < end and (_digit(data[j]) or data[j] == 46):
                        j += 1
                    if j + 1 < end and (data[j] | 32) == 101 and (_digit(data[j + 1]) or (data[j + 1] == 45 and j + 2 < end and _digit(data[j + 2]))):
                        j += 2
                        while j < end and _digit(data[j]):
                            j += 1
                self._add(_NUMBER, i, j)
                i = j
            elif c == 39 or c == 34 or c == 96:
                j = i + 1
                while j < end:
                    if data[j] == c:
                        if j + 1 < end and data[j + 1] == c and c != 96:
                            j += 2
                            continue
                        break
                    if data[j] == 92 and c != 96:
                        j += 1
                    j += 1
                if j >= end:
                    self._add(_OPEN_TEXT, i, end)
                    i = end
                else:
                    self._add(_NAME if c == 96 else _TEXT, i, j + 1)
                    i = j + 1
            elif c == 35 or (c == 45 and nxt == 45):
                j = i
                while j < end and data[j] != 10:
                    j += 1
                self.comment_from, self.comment_to = i, j
                if j >= end:
                    self._add(_COMMENT, i, end)
                else:
                    self.inline_comments += 1
                i = j
            elif c == 47 and nxt == 42:
                if i + 2 < end and (data[i + 2] == 33 or (data[i + 2] == 77 and i + 3 < end and data[i + 3] == 33)):
                    # /*! and /*M! : MySQL and MariaDB execute what stands inside.
                    self.executable_comments += 1
                    i += 3 if data[i + 2] == 33 else 4
                    while i < end and _digit(data[i]):
                        i += 1
                    continue
                j = i + 2
                while j + 1 < end and not (data[j] == 42 and data[j + 1] == 47):
                    j += 1
                if j + 1 >= end:
                    self.comment_from, self.comment_to = i, end
                    self._add(_COMMENT, i, end)
                    i = end
                else:
                    self.inline_comments += 1
                    i = j + 2
            elif c == 42 and nxt == 47 and self.executable_comments > 0:
                i += 2
            elif c == 61 or c == 60 or c == 62 or (c == 33 and nxt == 61) or (c == 58 and nxt == 61) or (c == 94 and nxt == 61) or (c == 126 and nxt == 61):
                j = i + 1
                while j < end and (data[j] == 61 or data[j] == 60 or data[j] == 62):
                    j += 1
                self._add(_COMPARE, i, j)
                i = j
            elif c == 124 and nxt == 124:
                self._add(_PIPES, i, i + 2)
                i += 2
            elif c == 38 and nxt == 38:
                self._add(_LOGIC, i, i + 2)
                i += 2
            elif c == 33 or c == 126:
                self._add(_UNARY, i, i + 1)
                i += 1
            elif c == 64:
                j = i + 1
                while j < end and (data[j] == 64 or _letter(data[j]) or _digit(data[j]) or data[j] == 46):
                    j += 1
                if j - i > 1:
                    self._add(_HOT_NAME if data[i + 1] == 64 and j - i > 4 else _CONSTANT, i, j)
                else:
                    self._add(_OTHER, i, j)
                i = j
            elif c == 43 or c == 45 or c == 47 or c == 37 or c == 94 or c == 124 or c == 38:
                self._add(_ARITHMETIC, i, i + 1)
                i += 1
            elif c == 42 or c == 40 or c == 41 or c == 44 or c == 59 or c == 46:
                self._add(c, i, i + 1)
                i += 1
            elif c == 91:
                j = i + 1
                while j < end and (_letter(data[j]) or _digit(data[j])):
                    j += 1
                if j < end and data[j] == 93 and j - i > 1:
                    self._add(_NAME, i, j + 1)
                    i = j + 1
                else:
                    self._add(_OTHER, i, i + 1)
                    i += 1
            elif c == 123 or c == 125:
                # ODBC escapes {fn ...} and MySQL's {identifier expr}: braces do not separate.
                i += 1
            else:
                self._add(_OTHER, i, i + 1)
                i += 1
        return 0

    def _word(self, i: Any, end: Any) -> Any:
        """A word from i: its kind by the tables, and by whether a parenthesis follows."""
        j: cython.Py_ssize_t = i
        k: cython.Py_ssize_t
        kind: cython.int
        data: cython.const[cython.uchar][::1] = self.data
        while j < end and (_letter(data[j]) or _digit(data[j])):
            j += 1
        if j - i > 40:
            self._add(_NAME, i, j)
            return j
        word = bytes(data[i:j]).lower()
        k = j
        while k < end and data[k] <= 32:
            k += 1
        # Comments may stand between a function and its parenthesis.
        while k + 3 < end and data[k] == 47 and data[k + 1] == 42 and data[k + 2] != 33:
            k += 2
            while k + 1 < end and not (data[k] == 42 and data[k + 1] == 47):
                k += 1
            k += 2
            while k < end and data[k] <= 32:
                k += 1
        if j < end and (data[j] == 39 or data[j] == 34) and j - i == 1 and word in (b"n", b"x", b"b", b"e", b"q"):
            return j  # N'text', X'6162': the prefix belongs to the text
        if word in HOT_NAMES or word.startswith((b"dbms_", b"utl_", b"rdb$", b"xp_", b"sp_oa")):
            self._add(_HOT_NAME, i, j)
            return j
        kind = WORDS.get(word, 0)
        if kind == _BY:
            # order by, group by: one token
            k = j
            while k < end and (data[k] <= 32 or (data[k] == 47 and k + 3 < end and data[k + 1] == 42)):
                if data[k] == 47:
                    k += 2
                    while k + 1 < end and not (data[k] == 42 and data[k + 1] == 47):
                        k += 1
                    k += 2
                else:
                    k += 1
            if k + 1 < end and (data[k] | 32) == 98 and (data[k + 1] | 32) == 121:
                self._add(_BY, i, k + 2)
                return k + 2
            kind = _NAME
        if k < end and data[k] == 40 and kind not in (_LOGIC, _UNARY, _LIKE, _UNION, _SELECT, _FROM, _WHERE, _LIMIT, _VERB, _NOUN, _BY):
            if word in HOT_CALLS:
                kind = _HOT_CALL
            elif word in KNOWN_CALLS:
                kind = _KNOWN_CALL
            elif kind == 0:
                kind = _CALL
        self._add(kind if kind else _NAME, i, j)
        return j

    def _k(self, i: Any) -> Any:
        """Kind of token i; 0 past the ends."""
        return self.kind[i] if 0 <= i < self.count else 0

    def _is(self, i: Any, word: Any) -> Any:
        """Whether token i is this word (given in lower case)."""
        n: cython.Py_ssize_t = len(word)
        if not 0 <= i < self.count or self.to[i] - self.at[i] != n:
            return False
        return bytes(self.data[self.at[i] : self.to[i]]).lower() == word

    def _same_text(self, i: Any, j: Any) -> Any:
        if not (0 <= i < self.count and 0 <= j < self.count):
            return False
        a = bytes(self.data[self.at[i] : self.to[i]]).lower().strip(b"'\"`")
        return a == bytes(self.data[self.at[j] : self.to[j]]).lower().strip(b"'\"`")

    def _operand(self, i: Any) -> Any:
        """The index after an operand that starts at i, or -1 where none does."""
        k: cython.int
        depth: cython.int
        while self._k(i) == _UNARY or self._k(i) == _ARITHMETIC:
            i += 1
        k = self._k(i)
        if k == _CALL or k == _KNOWN_CALL or k == _HOT_CALL:
            i += 1
            k = self._k(i)
            if k != _OPEN:
                return i
        if k == _OPEN:
            depth = 0
            while i < self.count:
                if self.kind[i] == _OPEN:
                    depth += 1
                elif self.kind[i] == _CLOSE:
                    depth -= 1
                    if depth == 0:
                        return i + 1
                i += 1
            return i
        if k == _NUMBER or k == _TEXT or k == _OPEN_TEXT or k == _CONSTANT or k == _NAME or k == _HOT_NAME or k == _MISC or k == _NOUN or k == _STAR:
            i += 1
            while self._k(i) == _DOT and (self._k(i + 1) == _NAME or self._k(i + 1) == _HOT_NAME or self._k(i + 1) == _STAR or self._k(i + 1) == _CALL or self._k(i + 1) == _HOT_CALL or self._k(i + 1) == _KNOWN_CALL):
                if self._k(i + 1) in (_CALL, _HOT_CALL, _KNOWN_CALL):
                    return self._operand(i + 1)
                i += 2
            return i
        return -1

    def _sum(self, i: Any) -> Any:
        """As _operand, arithmetic and concatenation between operands included."""
        j: cython.int = self._operand(i)
        after: cython.int
        while j >= 0 and (self._k(j) == _ARITHMETIC or self._k(j) == _PIPES or self._k(j) == _STAR):
            after = self._operand(j + 1)
            if after < 0:
                break
            j = after
        return j

    def _argument(self, i: Any) -> Any:
        """Whether a parenthesis opens at i and holds what a statement would give a function."""
        k: cython.int
        if self._k(i) != _OPEN:
            return False
        i += 1
        while self._k(i) == _OPEN or self._k(i) == _UNARY or self._k(i) == _ARITHMETIC:
            i += 1
        k = self._k(i)
        return k in (_NUMBER, _TEXT, _CONSTANT, _KNOWN_CALL, _HOT_CALL, _SELECT, _HOT_NAME, _OPEN_TEXT, _STAR) or (
            k == _CLOSE and self._k(i - 1) == _OPEN
        ) or (k == _NAME and self._k(i + 1) in (_COMMA, _DOT, _COMPARE)) or (k == _MISC and self._is(i, b"case")) or (k == _CALL and self._k(i + 1) == _OPEN)

    def _tail(self, i: Any) -> Any:
        """Whether a comment at i cuts off the rest of a statement: it ends the value and holds a word at most."""
        j: cython.Py_ssize_t
        blanks: cython.int = 0
        if self._k(i) != _COMMENT or self.to[i] - self.at[i] > 24:
            return False
        j = self.at[i] + (1 if self.data[self.at[i]] == 35 else 2)
        while j < self.to[i] and self.data[j] == 32:
            j += 1
        while j < self.to[i]:
            if self.data[j] == 32 and j + 1 < self.to[i] and self.data[j + 1] > 32:
                blanks += 1
            j += 1
        return blanks == 0

    def _judge(self, quoted: Any, start: Any, end: Any) -> Any:
        i: cython.int
        k: cython.int
        p: cython.int
        words: cython.int = 0
        calls: cython.int = 0
        j: cython.int
        for i in range(self.count):
            k = self.kind[i]
            p = self._k(i - 1)
            if k == _LOGIC or k == _PIPES:
                words += 1
                if self._logic(i, quoted):
                    return True
            elif k == _UNION:
                words += 1
                if self._union(i, quoted):
                    return True
            elif k == _SELECT:
                words += 1
                if self._select(i, quoted):
                    return True
            elif k == _HOT_CALL:
                if self._argument(i + 1) and not self._is(i, b"init"):
                    return True
            elif k == _KNOWN_CALL:
                if self._argument(i + 1):
                    calls += 1
                    # if(1=1, ...), make_set(1=2, ...): a comparison of constants is a question put to the database.
                    if self._k(i + 2) in (_NUMBER, _TEXT) and self._k(i + 3) == _COMPARE and self._k(i + 4) in (_NUMBER, _TEXT) and self._k(i + 5) in (_COMMA, _CLOSE):
                        return True
                if calls >= 2 and self._k(i - 2) in (_KNOWN_CALL, _COMMA, _PIPES) and p in (_OPEN, _PIPES, _ARITHMETIC, _COMMA):
                    return True
                if (self._is(i, b"version") or self._is(i, b"database") or self._is(i, b"current_user")) and self._k(i + 1) == _OPEN and self._k(i + 2) == _CLOSE and (i == 0 or quoted or p in (_COMMA, _OPEN, _PIPES, _COMPARE)):
                    return True
            elif k == _HOT_NAME:
                if self.data[self.at[i]] == 64:
                    if self._k(i + 1) in (0, _COMMA, _CLOSE, _COMMENT, _COMPARE, _PIPES, _FROM, _SEMICOLON) and bytes(self.data[self.at[i] : self.to[i]]).lower() in (
                        b"@@version", b"@@hostname", b"@@datadir", b"@@basedir", b"@@servername", b"@@identity", b"@@global", b"@@version_compile_os", b"@@spid", b"@@language",
                    ):
                        return True
                elif self.to[i] - self.at[i] >= 8 and self.count <= 4:
                    return True
                elif self._k(i + 1) == _DOT or p == _FROM or p == _DOT or p == _VERB or p == _SEMICOLON or self._k(i + 1) in (_OPEN, _TEXT):
                    return True
            elif k == _SEMICOLON:
                j = i + 1
                if self._statement(j, False):
                    return True
            elif k == _VERB:
                words += 1
                if (i == 0 or p in (_QUOTE, _CLOSE, _OPEN, _COMMENT)) and self._statement(i, not quoted and p != _CLOSE):
                    return True
                if self._is(i, b"waitfor") and (self._is(i + 1, b"delay") or self._is(i + 1, b"time")):
                    return True
            elif k == _WHERE:
                words += 1
                j = i + 1
                while self._k(j) == _OPEN or self._k(j) == _UNARY:
                    j += 1
                if self._k(j) in (_NUMBER, _TEXT) and self._k(self._sum(j)) in (_COMPARE, _LIKE) and self._operand(self._sum(j) + 1) > 0:
                    return True
            elif k == _BY:
                words += 1
                if (p in (_QUOTE, _CLOSE, _NUMBER, _TEXT) or self._k(self.count - 1) == _COMMENT) and self._k(i + 1) in (_NUMBER, _OPEN, _NAME, _CONSTANT, _KNOWN_CALL):
                    j = self._operand(i + 1)
                    while self._k(j) == _COMMA:
                        j = self._operand(j + 1)
                        if j < 0:
                            break
                    if self._k(i + 1) == _NUMBER and (j < 0 or self._k(j) in (0, _COMMENT, _CLOSE, _SEMICOLON, _LIMIT, _MISC)):
                        return p != 0 or self._k(j) == _COMMENT
                    if (p == _QUOTE or p == _CLOSE) and j > 0 and self._k(j) in (_COMMENT, _WHERE, _LIMIT, _COMMA, _MISC):
                        return True
            elif k == _LIMIT:
                if self._is(i, b"procedure") and (self._is(i + 1, b"analyse") or self._is(i + 1, b"analyze")):
                    return True
                if p in (_QUOTE, _CLOSE) and self._k(i + 1) == _NUMBER and (self._k(self.count - 1) == _COMMENT or self._k(i + 2) in (0, _COMMA, _SEMICOLON)) and not self._is(i, b"procedure"):
                    return True
            elif k == _NOUN:
                if self._is(i, b"into") and (self._is(i + 1, b"outfile") or self._is(i + 1, b"dumpfile")):
                    return True
                if (self._is(i, b"outfile") or self._is(i, b"dumpfile")) and self._k(i + 1) in (_TEXT, _OPEN_TEXT):
                    return True
            elif k == _MISC:
                if self._is(i, b"case") and self._is(i + 1, b"when") and (p in (_OPEN, _COMMA, _SELECT, _LOGIC, _COMPARE, _BY, _QUOTE, 0)):
                    j = self._sum(i + 2)
                    if j > 0 and (self._k(j) in (_COMPARE, _LIKE) or self._is(j, b"then")):
                        return True
                if self._is(i, b"if") and p in (_SEMICOLON, _VERB, _QUOTE) and self._k(i + 1) == _OPEN:
                    return True
            elif k == _LIKE:
                # Two constants compared, one of them cut off by the text that surrounds the value.
                if p in (_QUOTE, _CLOSE) and quoted and self._k(i + 1) in (_TEXT, _OPEN_TEXT, _NUMBER, _OPEN, _HOT_CALL, _KNOWN_CALL) and (p == _CLOSE or i == 1) and not self._is(i, b"in") and not self._is(i, b"is"):
                    return True
                if p in (_NUMBER, _QUOTE, _CLOSE) and self._k(i + 1) == _OPEN and self._k(i + 2) == _SELECT:
                    return True
        if self.inline_comments >= 2 and words >= 2:
            return True
        if self.executable_comments and (words or calls):
            return True
        return bool(quoted and self._after_quote(1, end))

    def _logic(self, i: Any, quoted: Any) -> Any:
        """AND, OR, XOR, && and ||, and what they join."""
        p: cython.int = self._k(i - 1)
        j: cython.int = i + 1
        k: cython.int
        after: cython.int
        c: cython.int
        # What stands before tells a value broken out of from a sentence.
        broken: cython.bint = p in (_QUOTE, _CLOSE, _NUMBER, _TEXT, _CONSTANT, 0) and (i <= 4 or quoted or p == _CLOSE)
        while self._k(j) in (_UNARY, _OPEN, _ARITHMETIC):
            j += 1
        k = self._k(j)
        if k == _SELECT:
            return self._k(j - 1) == _OPEN and self._k(j + 1) not in (0, _CLOSE)
        if self.kind[i] == _PIPES and p in (_QUOTE, _CLOSE, _NUMBER, _TEXT) and k in (_KNOWN_CALL, _HOT_CALL) and self._argument(j + 1):
            return True
        after = self._sum(j)
        if after < 0:
            return False
        c = self._k(after)
        while c == _CLOSE:
            after += 1
            c = self._k(after)
        if c == _UNARY and self._k(after + 1) == _LIKE:
            after += 1
            c = _LIKE
        if c == _COMPARE:
            if self._operand(after + 1) < 0:
                # `' or 'a'=` : the surrounding statement ends the comparison.
                return quoted and p == _QUOTE and self._k(after + 1) in (0, _COMMENT) and k in (_TEXT, _NUMBER, _OPEN_TEXT)
            if k in (_NUMBER, _TEXT, _CONSTANT, _KNOWN_CALL, _HOT_CALL, _HOT_NAME, _OPEN_TEXT):
                return self.kind[i] == _LOGIC or broken
            if k == _CALL:
                return broken and self._argument(j + 1)
            return (broken and (p == _QUOTE or p == _CLOSE or (i == 1 and p == _NUMBER))) or self._same_text(j, after + 1)
        if c == _LIKE:
            k = self._k(j)
            c = self._k(after + 1)
            if c == _UNARY:
                c = self._k(after + 2)
            if c in (_TEXT, _OPEN_TEXT, _NUMBER, _CONSTANT, _OPEN, _KNOWN_CALL, _HOT_CALL):
                return k in (_NUMBER, _TEXT, _CONSTANT, _KNOWN_CALL, _OPEN_TEXT) or (broken and p in (_QUOTE, _CLOSE))
            return False
        if k == _HOT_CALL or (k == _KNOWN_CALL and self._argument(j + 1) and broken):
            return True
        if k == _MISC and self._is(j, b"case"):
            return True
        if not broken or self.kind[i] == _PIPES:
            # 'a'||'b'||' : a text spliced into a text
            return quoted and self.kind[i] == _PIPES and p == _QUOTE and k in (_TEXT, _NUMBER) and self._k(after) == _PIPES
        if k in (_NUMBER, _CONSTANT, _TEXT) and p in (_QUOTE, _CLOSE):
            if c == _COMMENT:
                return self._tail(after)
            # ' or 1 | ' or true | ') or (1
            return c == 0 and (k == _NUMBER or k == _CONSTANT) and i == 1
        if k == _TEXT and p == _QUOTE and i == 1 and self.data[self.to[j] - 2] == 61 and self._k(j + 1) in (_NAME, _NUMBER, _TEXT, _OPEN_TEXT):
            # 'or'a='a : a comparison whose quotes close and open the other way round.
            return True
        if k == _OPEN_TEXT and p == _QUOTE and i == 1:
            # ' or 'x : the statement's own quote closes it.
            return self._k(j + 1) == 0 and self.to[j] - self.at[j] <= 24 and not _spaced(self.data, self.at[j] + 1, self.to[j])
        if k in (_NUMBER, _CONSTANT) and p in (_NUMBER, 0) and c == _COMMENT:
            return self._tail(after)
        if k == _NAME and p in (_QUOTE, _CLOSE) and c == _COMMENT and i <= 3:
            return self._tail(after)
        # ' and f(x) and 'a : a call of any name between a closed and an opened text
        return bool(quoted and k == _CALL and (p == _QUOTE or i == 2) and (c in (_LOGIC, _COMMENT, _PIPES) or (c == _OTHER and self._is(after, b":"))))

    def _union(self, i: Any, quoted: Any) -> Any:
        """UNION [ALL] SELECT with a select list."""
        j: cython.int = i + 1
        k: cython.int
        whole: cython.bint = False
        if self._is(j, b"all") or self._is(j, b"distinct") or self._is(j, b"distinctrow"):
            whole = self._is(j, b"all")
            j += 1
        while self._k(j) == _OPEN:
            j += 1
            whole = True
        if self._is(j, b"values") and self._k(j + 1) == _OPEN:
            return True
        if self._k(j) != _SELECT:
            return False
        if whole or quoted or self.inline_comments or self.executable_comments:
            return True
        if self._is(j + 1, b"all") or self._is(j + 1, b"distinct"):
            return True
        k = self._k(j + 1)
        if k in (_NUMBER, _TEXT, _CONSTANT, _STAR, _KNOWN_CALL, _HOT_CALL, _CALL, _OPEN, _HOT_NAME, _OPEN_TEXT, _UNARY, _ARITHMETIC):
            return True
        return k in (_NAME, _NOUN) and self._k(j + 2) in (_COMMA, _FROM, _DOT, _COMMENT, _PIPES)

    def _select(self, i: Any, quoted: Any) -> Any:
        """A SELECT that is a statement or a sub-select, not an English word."""
        p: cython.int = self._k(i - 1)
        j: cython.int = i + 1
        k: cython.int
        items: cython.int = 0
        if self._is(j, b"all") or self._is(j, b"distinct") or self._is(j, b"top"):
            j += 1
            if self._k(j) == _NUMBER and self._is(j - 1, b"top"):
                j += 1
        k = self._k(j)
        inner: cython.bint = p in (_OPEN, _SEMICOLON, _QUOTE, _UNION, _COMPARE, _PIPES, _CLOSE) or (p == _MISC and self._is(i - 1, b"as"))
        if k in (_KNOWN_CALL, _HOT_CALL) and self._k(j + 1) == _OPEN and self._k(j + 2) == 0 and (inner or i == 0):
            return True
        if k in (_KNOWN_CALL, _HOT_CALL) and self._argument(j + 1):
            return inner or i == 0 or p == _LOGIC or self._k(self.count - 1) == _COMMENT or self._k(self._operand(j)) in (_FROM, _COMMA, 0)
        if inner and k in (_NUMBER, _TEXT, _CONSTANT, _STAR, _HOT_NAME):
            return True
        if inner and k == _MISC and self._is(j, b"case"):
            return True
        if p == _OPEN and k == _OPEN and self._k(j + 1) in (_SELECT, _NUMBER, _TEXT, _KNOWN_CALL, _MISC):
            return True
        # A select list, FROM, and a table that is not an English article.
        while items < 64:
            j = self._sum(j)
            if j < 0:
                return False
            items += 1
            if self._is(j, b"as"):
                j += 2
            elif self._k(j) == _NAME and self._k(j + 1) in (_COMMA, _FROM):
                j += 1
            if self._k(j) != _COMMA:
                break
            j += 1
        if self._k(j) != _FROM:
            return False
        if self._k(j + 1) == _OPEN:
            return True
        if self._k(j + 1) not in (_NAME, _HOT_NAME, _NOUN, _CALL, _KNOWN_CALL, _CONSTANT):
            return False
        if self._is(j + 1, b"the") or self._is(j + 1, b"a") or self._is(j + 1, b"our") or self._is(j + 1, b"your") or self._is(j + 1, b"these") or self._is(j + 1, b"this") or self._is(j + 1, b"my") or self._is(j + 1, b"list"):
            return False
        k = self._k(i + 1)
        if inner or k in (_STAR, _KNOWN_CALL, _HOT_CALL, _HOT_NAME) or items > 1:
            return True
        j = self._operand(j + 1)
        return self._k(j) in (_WHERE, _SEMICOLON, _COMMENT, _BY, _LIMIT, _UNION, _CLOSE) or (i == 0 and self._k(j) == 0)

    def _statement(self, i: Any, strict: Any) -> Any:
        """A statement that begins at token i. `strict` where nothing before it says that SQL is being spoken."""
        k: cython.int = self._k(i)
        n: cython.int = self._k(i + 1)
        j: cython.int
        if k == _SELECT:
            return n in (_STAR, _NUMBER, _TEXT, _CONSTANT, _KNOWN_CALL, _HOT_CALL, _OPEN, _HOT_NAME) or (n == _NAME and self._k(i + 2) in (_FROM, _COMMA, _DOT))
        if k == _MISC and self._is(i, b"if"):
            return n == _OPEN and self._argument(i + 1)
        if k == _HOT_NAME:
            return True
        if k != _VERB:
            return False
        if self._is(i, b"insert") or self._is(i, b"replace"):
            j = i + 1
            while self._is(j, b"into") or self._is(j, b"ignore"):
                j += 1
            if j == i + 1:
                return False
            j = self._operand(j)
            return j > 0 and (self._k(j) in (_OPEN, _SELECT) or self._is(j, b"values") or self._is(j, b"set") or self._k(j - 1) == _CLOSE)
        if self._is(i, b"update"):
            j = self._operand(i + 1)
            return j > 0 and self._is(j, b"set") and self._k(self._operand(j + 1)) == _COMPARE
        if self._is(i, b"delete"):
            if n != _FROM:
                return False
            j = self._operand(i + 2)
            return j > 0 and (self._k(j) in (_WHERE, _SEMICOLON, _COMMENT) or (not strict and self._k(j) in (0, _CLOSE)))
        if self._is(i, b"drop") or self._is(i, b"alter") or self._is(i, b"create") or self._is(i, b"rename") or self._is(i, b"truncate"):
            if self._is(i + 1, b"or") and self._is(i + 2, b"replace"):
                return True
            if n == _LIMIT and self._is(i + 1, b"procedure"):
                return self._k(i + 2) in (_NAME, _CALL)
            if n != _NOUN or self._is(i + 1, b"time") or self._is(i + 1, b"into") or self._is(i + 1, b"set") or self._is(i + 1, b"data") or (self._is(i + 1, b"user") and strict):
                return False
            if self._k(i + 2) not in (_NAME, _CALL, _MISC, _TEXT, _HOT_NAME, _KNOWN_CALL, _NOUN):
                return False
            j = self._operand(i + 2)
            return not strict or self._is(i, b"drop") or self._is(i, b"truncate") or self._k(j) in (_OPEN, _VERB, _SEMICOLON, _COMMENT, _MISC) or self._k(j - 1) == _CLOSE
        if self._is(i, b"exec") or self._is(i, b"execute"):
            if n in (_HOT_NAME, _HOT_CALL):
                return True
            if n == _NAME:
                return self._k(i + 2) == _DOT or self._is(i + 1, b"immediate") or bytes(self.data[self.at[i + 1] : self.to[i + 1]]).lower()[:3] in (b"sp_", b"xp_")
            return n in (_OPEN, _CONSTANT, _TEXT) and (not strict or n == _CONSTANT or self._argument(i + 1))
        if self._is(i, b"declare"):
            return n == _CONSTANT and self.data[self.at[i + 1]] == 64
        if self._is(i, b"call"):
            return n in (_KNOWN_CALL, _HOT_CALL) or (not strict and n == _CALL)
        if self._is(i, b"begin"):
            return n in (_VERB, _HOT_NAME) or (n == _MISC and self._is(i + 1, b"if"))
        if self._is(i, b"waitfor"):
            return n == _NOUN
        if self._is(i, b"shutdown"):
            return (not strict and n in (0, _SEMICOLON, _COMMENT)) or n == _COMMENT
        if self._is(i, b"load"):
            return self._is(i + 1, b"data") and (self._is(i + 2, b"infile") or self._is(i + 2, b"local"))
        if self._is(i, b"handler"):
            return n == _NAME and self._is(i + 2, b"open")
        if self._is(i, b"merge"):
            return self._is(i + 1, b"into") and self._is(i + 3, b"using")
        if self._is(i, b"grant") or self._is(i, b"revoke"):
            return self._is(i + 2, b"on") or self._is(i + 1, b"all")
        if self._is(i, b"backup") or self._is(i, b"attach") or self._is(i, b"restore"):
            return self._is(i + 1, b"database") and (self._k(i + 2) in (_NAME, _TEXT, _OPEN_TEXT))
        if self._is(i, b"copy"):
            return (self._k(self._operand(i + 1)) == _FROM or self._is(self._operand(i + 1), b"to")) and self._k(self._operand(i + 1) + 1) in (_TEXT, _NAME) and not strict
        if self._is(i, b"pragma"):
            return n in (_NAME, _CALL) and not strict
        if self._is(i, b"do"):
            return n in (_HOT_CALL, _KNOWN_CALL)
        return False

    def _after_quote(self, i: Any, end: Any) -> Any:
        """What follows a closed text at once."""
        k: cython.int
        j: cython.int = i
        while self._k(j) == _CLOSE:
            j += 1
        k = self._k(j)
        if k == _COMMENT:
            return self._tail(j)
        if (self._is(j, b"isnull") or self._is(j, b"notnull")) and self._k(j + 1) == _COMMENT:
            return True
        if k == _VERB and j == i and self._k(j + 1) in (_NAME, _NOUN, _ARITHMETIC) and self.count <= 4 and self._is(j, b"alter"):
            return True
        if k == _SEMICOLON and self._k(j + 1) == _COMMENT:
            return self._tail(j + 1)
        if k == _COMPARE and j == i:
            # '=' and '<>' : the texts around it are the statement's own.
            if self._k(i + 1) == _OPEN_TEXT:
                return self._k(i + 2) == 0 and self.to[i + 1] - self.at[i + 1] <= 24 and not _spaced(self.data, self.at[i + 1] + 1, self.to[i + 1]) and self.data[self.at[i]] != 62
            if self._k(i + 1) in (_NUMBER, _TEXT, _CONSTANT):
                return self._k(i + 2) in (_COMMENT, _LOGIC, _PIPES, _SEMICOLON) and self.data[self.at[i]] != 62
            return False
        if k == _COMMA:
            # ','0','0');-- : a list of values closed by hand
            while self._k(j) in (_COMMA, _TEXT, _NUMBER, _CONSTANT, _CLOSE):
                j += 1
            if self._k(j) == _COMMENT and self._k(j - 1) == _CLOSE:
                return self._tail(j)
            if self._k(j) == _SEMICOLON and self._k(j + 1) == _COMMENT and self._k(j - 1) == _CLOSE:
                return self._tail(j + 1)
        return False


@cython.cfunc
@cython.exceptval(-1, check=True)
def _spaced(data: cython.const[cython.uchar][::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.bint:
    """Whether a blank stands inside: a sentence, not a constant."""
    i: cython.Py_ssize_t
    for i in range(start, end):
        if data[i] == 32:
            return True
    return False
