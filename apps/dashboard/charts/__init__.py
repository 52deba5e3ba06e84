"""Charts: rows in, and out of them a sentence, a Plotly figure, a table and a file.

A page says everything a chart shows in words; the figure is drawn here only when a browser asks for
it, near the viewport (static/js/charts.js). docs/pages.md explains the choices.
"""

from apps.dashboard.charts.answers import answer, answer_figures
from apps.dashboard.charts.chart import Chart, Column, Drawing, Key

__all__ = ["Chart", "Column", "Drawing", "Key", "answer", "answer_figures"]
