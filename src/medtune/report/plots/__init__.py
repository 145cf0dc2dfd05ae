"""The pictures of the report: each function takes measured values and returns inline SVG."""
