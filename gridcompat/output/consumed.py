"""What a run uses while it runs, as qstat shows it.

Must not know how it was found out.

Source: qstat(1), usage and -ext; forms from a live 8.1.9.
"""

from __future__ import annotations

from gridcompat.record import record


@record
class Consumed:
    """Of all processes of a run together."""

    cpu_s: float = 0.0
    io: int = 0
    """Bytes."""
    vmem: int = 0
    """Bytes of address space."""
    peak: int = 0
    """The most of it."""

    @property
    def mem(self) -> float:
        """GB times seconds of processor time, by what it has now."""
        return self.vmem / (1 << 30) * self.cpu_s


def usage(consumed: Consumed | None) -> str:
    """Return the value of `usage` in qstat -j; what nobody knows is N/A."""
    known = consumed or Consumed()
    seconds = int(known.cpu_s)
    days = f"{seconds // 86400}:" if seconds >= 86400 else ""
    cpu = f"{days}{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    vmem, peak = (_size(size) if size else "N/A" for size in (known.vmem, known.peak))
    return f"cpu={cpu}, mem={known.mem:.5f} GB s, io={_gigabytes(known.io)} GB, vmem={vmem}, maxvmem={peak}"


def columns(consumed: Consumed | None) -> str:
    """Return cpu, mem and io of qstat -ext, with a blank behind."""
    known = consumed or Consumed()
    seconds = int(known.cpu_s)
    cpu = f"{seconds // 86400}:{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{cpu:<10.10} {known.mem:<7.5f} {_gigabytes(known.io):<7} "


def _gigabytes(size: int) -> str:
    return f"{size / (1 << 30):.5f}"


def _size(size: float) -> str:
    for unit in ("", "K", "M", "G"):
        if size < 1024:
            return f"{size:.3f}{unit}"
        size /= 1024
    return f"{size:.3f}T"
