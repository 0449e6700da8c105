"""Checksum offload of one interface, by the ioctl of ethtool(8), in the calling thread's network namespace."""

import array
import fcntl
import socket
import struct

from evener.host.errors import explained

SIOCETHTOOL = 0x8946  # linux/sockios.h
ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM = 0x16, 0x17  # linux/ethtool.h

_VALUE = struct.Struct("=II")  # struct ethtool_value: command, data


def ensure_tx_checksums(interface: str) -> bool:
    """Have `interface` fill in the checksums of what it sends; return whether it left that to the receiver.

    A virtual interface leaves it, since what it sends stays in memory; but whoever reads the packets in user space
    gets them as they are.

    Raises:
        HostError: when the interface is missing, or the kernel refuses.
    """
    with explained(f"turn off tx checksum offload of interface {interface}"):
        if not _ask(interface, ETHTOOL_GTXCSUM, 0):
            return False
        _ask(interface, ETHTOOL_STXCSUM, 0)
        return True


def _ask(interface: str, command: int, value: int) -> int:
    buffer = array.array("B", _VALUE.pack(command, value))
    address, _ = buffer.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        fcntl.ioctl(channel, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
    answer: int = _VALUE.unpack(buffer.tobytes())[1]
    return answer
