"""Commands in a value: what a shell would run if the value were pasted into a command line.

A command counts where a separator, a substitution or a line end puts it in a command's place, where it is given by its path, or where it
stands with arguments that only a command has. Words that are also English (`find`, `id`, `date`) need more around them than
`whoami` or `/bin/sh` do.
"""

from __future__ import annotations

import re

LONGEST = 16_384

_STRONG = (
    b"whoami uname ifconfig ipconfig netstat nslookup traceroute tracert wget curl tftp ncat netcat bash dash zsh ksh csh tcsh busybox powershell pwsh cmd "
    b"certutil bitsadmin mshta regsvr32 rundll32 wscript cscript wmic systeminfo tasklist taskkill schtasks icacls cacls reg sc at "
    b"chmod chown chgrp mkfifo mknod nohup xterm gcc perl python python2 python3 ruby php node lua awk gawk sed xargs tee base64 xxd "
    b"sleep usleep ping ping6 dig telnet ssh scp sftp ftp rsync socat nmap tcpdump arp route crontab useradd adduser usermod passwd sudo su "
    b"killall pkill kill shutdown reboot halt poweroff mount umount fdisk mkfs dd tar gzip gunzip unzip cat tac rev nl od hexdump strings "
    b"ls lsof ps id pwd env printenv export hostname phpinfo expr printf mail sendmail netsh vssadmin attrib xcopy robocopy copy del erase md rd rmdir mkdir rm mv cp ln touch "
    b"aptitude htop lastlog chef cscli bcdboot zcat zstdcat zstd bzcat xzcat lz4cat zgrep zless zmore zdiff gunzip bzip2 xz 7z lzma cpio pax shar uncompress "
    b"tclsh expect emacs vim view rvim pico ed ex less vipw visudo watch timeout stdbuf setsid flock ionice nice taskset unshare nsenter chroot strace ltrace gdb "
    b"iptables ip ss arping mtr whois host getent finger dmesg journalctl systemctl service initctl insmod modprobe rmmod lspci lsusb lscpu lsblk df du free uptime vmstat "
    b"iostat who last lastb users groups logname tty stty uuencode uudecode openssl gpg keytool jrunscript java javac jjs scala groovy irb erb pry rake gem bundle "
    b"cpan perlbug pdb pip3 pipx conda ipython octave julia rscript ghc go rustc cargo gcc g++ cc make cmake ld as nasm objdump readelf nm ldd "
    b"ksh93 mksh ash rbash fish elvish rc busybox toybox dialog screen tmux byobu script scriptreplay logsave run-parts start-stop-daemon at batch atq "
    b"wall write mesg tailf multitail csplit split comm join column fold fmt pr iconv dos2unix xmodmap xdotool xdg-open gimp ffmpeg convert identify "
    b"wevtutil wusa bcdedit diskpart diskshadow esentutl expand extrac32 findstr forfiles fsutil ftp gpresult gpupdate hh hostname ieexec infdefaultinstall installutil "
    b"makecab mavinject msbuild msdt mshta msiexec net1 netdom nltest ntdsutil odbcconf pcalua pcwrun pnputil presentationhost print qappsrv qprocess query quser qwinsta "
    b"rasautou regasm regedit regini register-cimprovider regsvcs replace robocopy rpcping runas runonce sc scriptrunner setx sfc subst syncappvpublishingserver "
    b"tracerpt tskill typeperf verclsid w32tm waitfor where winrm winrs wuauclt xwizard driverquery getmac openfiles "
    b"lynx links elinks w3m aria2c axel fetch http https httpie smbclient rpcclient ldapsearch snmpwalk dnscat "
    b"psql mysql mysqldump sqlite3 mongo redis-cli docker kubectl aws gcloud terraform git svn make apt apt-get yum dnf apk pip npm"
).split()
_WEAK = b"dir echo type net host find sort who time date test more less head tail set start call exec eval source command history last finger locate which whereis grep cut paste false true nc sh ver vol tree route help sleep sysinfo".split()

_ESCAPED: set[bytes] = {re.escape(name) for name in _STRONG + _WEAK}
_LONGEST_FIRST: list[bytes] = sorted(_ESCAPED, key=len, reverse=True)
_NAMES = b"|".join(_LONGEST_FIRST)
_STRONG_NAMES = frozenset(_STRONG) - frozenset(b"view ex ed last users groups free host print replace query expand where join split column script watch service ip ss fetch http https links screen dialog write wall "
    b"go rc pr less as make comm fold chef expect batch nice who java scala julia gem bundle rake fish identify convert timeout strings emacs users last at sc reg md rd make copy mail export kill route strings id node ruby env git touch sed export passwd mount git dash ls expr start tee".split())

# What shells drop inside a word: quotes, backslashes, empty substitutions.
_DROPPED = re.compile(rb"[\\\"'^]|\$[@*!?#$-]|\$\{?[0-9]\}?(?=[a-z])|(?<=\w)\$[a-z]\w{0,8}(?=\\|\W|$)|``|[<>]\(\)|\$\(\)|\$\{\w{0,12}\}")
_BLANK = re.compile(rb"\$\{?ifs(?:\}|\$[0-9]|\b)|\$\{ifs[^}]{0,12}\}|%09")
_COMMAND = re.compile(
    rb"(?P<before>\|\|?|&&?|;|\r?\n|\$\(|`|<\(|>\(|\{,{0,4}|!|^)[\s(]{0,8}"
    rb"(?P<path>(?:(?:[a-z]:)?[\\/]?(?:[\w.?*\[\]-]{1,20}[\\/]){1,6})?)(?P<name>" + _NAMES + rb")(?:\.exe|\.com)?(?P<after>[\s;|&`)<>$,}/+-]|$)"
)
_PATH = re.compile(
    rb"(?:^|[\s;|&`(=\"'<>,:])/?(?:usr/(?:local/)?)?s?bin/(?:" + _NAMES + rb")(?![\w.-])|^/?(?:usr/(?:local/)?)?s?bin/[a-z0-9_.+-]{2,24}(?:$|[\s;|&])|(?:^|[;|&=\s])\$\{?shell\}?\s|(?:^|[\s;|&`(=\"'\\/])(?:cmd|powershell|pwsh|wscript|cscript|mshta|certutil|rundll32)\.exe"
    rb"|[\\/](?:system32|syswow64)[\\/]"
)
_PHRASE = re.compile(
    rb"(?:^|[^\w-])(?:"
    rb"cat\s+[./~]|cat\s+[\w.]*/|(?:cat|type|more|less|head|tail|nl|tac|strings)\s{1,8}(?:[a-z]:)?[\\/]|ls\s+-[a-z]{1,6}|ls\s+/|id\s*;|rm\s+-[rf]{1,3}|chmod\s+(?:\+x|[0-7]{3,4})\s|"
    rb"ping(?:\.exe)?\s+(?:-[a-z]\s+\d|(?:\d{1,3}\.){3}\d)|(?:wget|curl|fetch|lynx)\s+(?:-{1,2}[a-z-]+\s+)*(?:https?://|ftp://|(?:\d{1,3}\.){3}\d)|"
    rb"(?:nc|ncat|netcat)\s+(?:-[a-z]+\s|(?:\d{1,3}\.){3}\d)|(?:ba|z|da|k)?sh\s+-[ic]\b|(?:python[23]?|perl|ruby|php|node)\s+-[cer]\s|net\s+(?:user|localgroup|group|view|share|start)\b|"
    rb"dir\s+(?:/[a-z]|[a-z]:)|cmd(?:\.exe)?\s*/[ckr]|powershell(?:\.exe)?\s+-|echo\s+[\w\"'$`-]+\s*>|uname\s+-[a-z]|ifconfig\s|ipconfig\s*/|"
    rb"sleep\s+\d+\s*[;|&#`)]|systeminfo\b\s*$|whoami\s*$|(?:sudo|nohup)\s+\w|export\s+\w+=|crontab\s+-|chown\s+\w+[:.]|tar\s+-?[cxz]+f|dd\s+if=|find\s+/\S*\s+-|grep\s+-[a-z]+\s|(?:gunzip|zcat|zstdcat|bzcat|xzcat|zgrep|bzip2|xz|gzip|unzip)\s+(?:-\w+\s+)?[/.~]|"
    rb"php\s+-r|base64\s+-d|/dev/(?:tcp|udp)/|>\s*&\s*\d|\d?>\s*/dev/null|\d>&\d"
    rb")"
)
_TRIGGERS = re.compile(rb"[;|&`$\n<>(){!/\\\s]")


def commands(text: bytes) -> bool:
    """Whether a decoded value holds a command."""
    if _TRIGGERS.search(text) is None:
        return False
    lower = text[:LONGEST].lower()
    lower = _BLANK.sub(b" ", lower) if b"$" in lower or b"{" in lower or b"%" in lower else lower
    if b"+" in lower and b" " not in lower:
        lower = lower.replace(b"+", b" ")  # a plus sign encoded once more than the form asked for
    plain = _DROPPED.sub(b"", lower)
    if _placed(plain) or (plain != lower and _placed(lower)):
        return True
    if (_PATH.search(lower) or (plain != lower and _PATH.search(plain))) and not lower.startswith((b"http://", b"https://")):
        return True
    found = _PHRASE.search(lower) or (_PHRASE.search(plain) if plain != lower else None)
    return found is not None and _is_command_like(lower, found.start())


def _is_command_like(lower: bytes, at: int) -> bool:
    """A phrase counts at the start of a value or after something that ends a command; in the middle of a sentence it does not."""
    before = lower[:at].rstrip()
    return not before or before[-1:] in b";|&`\n($=\"'{>,:+\\" or lower[at : at + 1] in b";|&`\n($=\"'{>,:+" or len(before) <= 24


def _placed(text: bytes) -> bool:
    for found in _COMMAND.finditer(text):
        before, path, name = found.group("before", "path", "name")
        rest = text[found.end("name") : found.end("name") + 80]
        if before in (b"", b"!"):
            if found.start() == 0 and path and b"/" in path and (b"bin/" in path):
                return True
            continue
        ends = not rest.strip(b"\"' ") or rest.lstrip()[:1] in b";|&`)<>#\n"
        argument = rest.lstrip()[:1] in b"/-$.~\\" or rest.lstrip()[1:2] == b":" or rest.lstrip()[:4].isdigit() or rest.lstrip()[:1].isdigit()
        if path and b"bin" in path:
            return True
        if before in (b"$(", b"`", b"<(", b">("):
            if before == b"`":
                closing = text.find(b"`", found.end("name"))
                if closing < 0 or (found.start() > 40 and name not in _STRONG_NAMES):
                    continue
            return True
        if before.startswith(b"{"):
            if b"," in rest[:2] or rest[:1] == b",":
                return True
            continue
        # A lone & or line end also stands in plain text; ; | && || seldom before a word that is a command.
        doubtful = before in (b"&", b"\n", b"\r\n")
        if name in _STRONG_NAMES:
            if ends or argument or not doubtful:
                return True
        elif ends and (not doubtful or not rest.strip()):
            return True
        elif argument:
            return True
    return False
