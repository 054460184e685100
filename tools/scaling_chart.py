"""Draws how functions scale: ``python tools/scaling_chart.py`` writes docs/scaling.svg.

The lines are what the platform's own limits admit when 6,000 calls that never end are waiting.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from pileus.compute.scaling import PROFILES, ConcurrencyGate

CHART = Path(__file__).parents[1] / "docs" / "scaling.svg"
WANTED, QUOTA, SECONDS = 6000, 5000, 300
_SECOND_NS = 1_000_000_000
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 320, 60, 40
_COLOURS = {"function": "#1a6fb5", "region": "#c0562b"}


def instances(profile: str, region: str = "us-east-1") -> list[int]:
    """Instances of one function at each second."""
    limits = replace(PROFILES[profile].in_region(region), account_concurrency=QUOTA)
    gate = ConcurrencyGate(limits)
    series = []
    for second in range(SECONDS + 1):
        while gate.running("f") < WANTED and not gate.enter("f"):
            if not gate.take_start("f", second * _SECOND_NS):
                gate.leave("f")
                break
        series.append(gate.running("f"))
    return series


def drawn() -> str:
    """The chart as SVG."""
    height, width = _HEIGHT - _BOTTOM - 20, _WIDTH - _LEFT - 20

    def point(second: float, count: float) -> str:
        x = _LEFT + second / SECONDS * width
        return f"{x:.1f},{20 + height - count / WANTED * height:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11" fill="none">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for count in range(0, WANTED + 1, 1000):
        x, y = point(0, count).split(",")
        parts.append(f'<path d="M{x},{y}H{_LEFT + width}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end" fill="#444">{count}</text>'
        )
    for second in range(0, SECONDS + 1, 60):
        x, _ = point(second, 0).split(",")
        parts.append(
            f'<text x="{x}" y="{_HEIGHT - 22}" text-anchor="middle" fill="#444">{second} s</text>'
        )
    for number, (profile, colour) in enumerate(_COLOURS.items()):
        series = instances(profile)
        line = " ".join(point(second, count) for second, count in enumerate(series))
        parts.append(f'<polyline points="{line}" stroke="{colour}" stroke-width="2"/>')
        x = _LEFT + 20 + number * 260
        parts.append(
            f'<text x="{x}" y="{_HEIGHT - 6}" fill="{colour}">PILEUS_SCALING={profile}</text>'
        )
    title = f"{WANTED} calls at once, {QUOTA} allowed: instances of the function"
    parts.append(f'<text x="{_LEFT}" y="13" fill="#222">{title}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write the chart."""
    CHART.write_text(drawn())


if __name__ == "__main__":
    main()
