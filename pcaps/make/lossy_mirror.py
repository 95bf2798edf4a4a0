"""A bad mirror port: takes the frames of one device and puts them on another, but loses, doubles and delays some.

usage: lossy_mirror.py FROM TO SEED. It makes no frame of its own: what tcpdump sees behind it is what a SPAN port with too little buffer would have shown. Losses are single
frames and short bursts (a full buffer); a delayed frame comes after one to four later ones. On SIGTERM it prints what it did.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import sys

SINGLE, BURST, DOUBLE, DELAY = 0.008, 0.002, 0.01, 0.01
ETH_P_ALL = 3


def main() -> None:
    source, target, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    dice = random.Random(seed)
    inward = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    inward.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    inward.bind((source, 0))
    outward = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    outward.bind((target, 0))
    did = {"seen": 0, "lost": 0, "doubled": 0, "delayed": 0}

    def end(*_: object) -> None:
        print(json.dumps(did), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    late: list[list[object]] = []
    burst = 0
    while True:
        frame = inward.recv(65535)
        if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            continue
        did["seen"] += 1
        chance = dice.random()
        if burst == 0 and dice.random() < BURST:
            burst = dice.randint(2, 5)
        if burst or chance < SINGLE:
            burst = max(burst - 1, 0)
            did["lost"] += 1
        elif chance < SINGLE + DELAY:
            late.append([dice.randint(1, 4), frame])
            did["delayed"] += 1
            continue
        else:
            outward.send(frame)
            if chance > 1 - DOUBLE:
                outward.send(frame)
                did["doubled"] += 1
        for one in late:
            one[0] = int(str(one[0])) - 1
        for one in [one for one in late if one[0] == 0]:
            outward.send(bytes(one[1]))  # type: ignore[call-overload]
        late = [one for one in late if one[0] != 0]


if __name__ == "__main__":
    main()
