"""The report of a comparison: one HTML file, its figures drawn as inline SVG.

SVG by hand rather than by matplotlib: it follows the reader's light or dark theme,
keeps its text as text, and is a tenth of the size.
"""

from .page import report_page

__all__ = ['report_page']
