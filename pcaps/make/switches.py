"""Two real switches (Open vSwitch in user space, so no kernel module is needed) between client and server, for VLANs and tunnels.

    client --vc/cs-- [ sw1: br-int + tunnel ] ==trunk veth, captured== [ sw2: br-int + tunnel ] --ss/vs-- server
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType

from lab import Lab, sh, stop

TRUNK_MTU = 1600  # room for what a tunnel puts before a frame of 1500


class Switches:
    """Open vSwitch twice, each in a namespace of its own with its own database."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.spaces = (f"{lab.tag}x", f"{lab.tag}y")
        self.daemons: list[object] = []

    def __enter__(self) -> Switches:
        one, two = self.spaces
        for space in self.spaces:
            sh(f"ip netns add {space}; ip -n {space} link set lo up")
        lab = self.lab
        # The lab's direct wire goes; each host gets a wire to its switch instead, under the same name.
        sh(f"ip -n {lab.client} link del vc")
        for host, name, space, ip, ip6 in (
            (lab.client, "vc", one, lab.client_ip, lab.client_ip6),
            (lab.server, "vs", two, lab.server_ip, lab.server_ip6),
        ):
            sh(f"ip link add {name} netns {host} type veth peer name host netns {space}")
            lab.address(host, name, f"{ip}/16", f"{ip6}/64")
            lab.bring_up(host, name)
            lab.bring_up(space, "host")
        sh(f"ip link add trunk netns {one} type veth peer name trunk netns {two}")
        for space in self.spaces:
            sh(f"ip netns exec {space} sysctl -qw net.ipv6.conf.trunk.disable_ipv6=1 net.ipv6.conf.host.disable_ipv6=1")
            lab.bring_up(space, "trunk", TRUNK_MTU)
            self._begin(space)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for space in self.spaces:
            folder = self._folder(space)
            for name in ("vs", "db"):
                pid = folder / f"{name}.pid"
                if pid.exists():
                    os.kill(int(pid.read_text()), 15)
        time.sleep(0.5)
        for space in self.spaces:
            sh(f"ip netns del {space}")

    def _folder(self, space: str) -> Path:
        return self.lab.scratch / space

    def _begin(self, space: str) -> None:
        folder = self._folder(space)
        folder.mkdir()
        at = f"env OVS_RUNDIR={folder} OVS_LOGDIR={folder} OVS_DBDIR={folder} OVS_SYSCONFDIR={folder} ip netns exec {space}"
        sh(
            f"ovsdb-tool create {folder}/conf.db /usr/share/openvswitch/vswitch.ovsschema;"
            f"{at} ovsdb-server {folder}/conf.db --remote=punix:{folder}/db.sock --pidfile={folder}/db.pid --detach --log-file={folder}/db.log 2>/dev/null;"
            f"ovs-vsctl --db=unix:{folder}/db.sock --no-wait init;"
            f"{at} ovs-vswitchd unix:{folder}/db.sock --pidfile={folder}/vs.pid --detach --disable-system --log-file={folder}/vs.log 2>/dev/null"
        )

    def vsctl(self, which: int, command: str) -> None:
        """One ovs-vsctl transaction at the first (0) or second (1) switch."""
        sh(f"ovs-vsctl --timeout=20 --db=unix:{self._folder(self.spaces[which])}/db.sock {command}")

    def trunk(self, access: str = "tag=10", trunk: str = "") -> None:
        """One bridge a switch, the host on an access port, the trunk tagged."""
        for which in (0, 1):
            self.vsctl(which, f"add-br br -- set bridge br datapath_type=netdev -- add-port br host {access} -- add-port br trunk {trunk}")

    def tunnel(self, kind: str, options: str = "") -> None:
        """The hosts' frames in a tunnel between the switches' own addresses."""
        for which in (0, 1):
            here, there = f"192.0.2.{which + 1}", f"192.0.2.{2 - which}"
            self.vsctl(
                which,
                "add-br phy -- set bridge phy datapath_type=netdev -- add-port phy trunk"
                f" -- add-br br -- set bridge br datapath_type=netdev -- add-port br host -- add-port br tun -- set interface tun type={kind} options:remote_ip={there} {options}",
            )
            space = self.spaces[which]
            sh(f"ip -n {space} addr add {here}/24 dev phy; ip -n {space} link set phy mtu {TRUNK_MTU} up")
        time.sleep(1)

    def mirror(self, options: str) -> None:
        """A plain wire between the hosts, and every frame of it sent to a far collector in ERSPAN."""
        for which in (0, 1):
            self.vsctl(which, "add-br br -- set bridge br datapath_type=netdev -- add-port br host -- add-port br trunk")
        one = self.spaces[0]
        sh(f"ip netns add {self.lab.tag}z; ip link add span netns {one} type veth peer name span netns {self.lab.tag}z")
        self.lab.bring_up(one, "span", TRUNK_MTU)
        self.lab.address(f"{self.lab.tag}z", "span", "198.51.100.2/24")
        self.lab.bring_up(f"{self.lab.tag}z", "span", TRUNK_MTU)
        self.vsctl(
            0,
            "add-br phy -- set bridge phy datapath_type=netdev -- add-port phy span"
            f" -- add-port br far -- set interface far type=erspan options:remote_ip=198.51.100.2 {options}"
            " -- --id=@far get port far -- --id=@host get port host -- --id=@m create mirror name=m select-src-port=@host select-dst-port=@host output-port=@far -- set bridge br mirrors=@m",
        )
        sh(f"ip -n {one} addr add 198.51.100.1/24 dev phy; ip -n {one} link set phy mtu {TRUNK_MTU} up")
        time.sleep(1)


__all__ = ["Switches", "stop"]
