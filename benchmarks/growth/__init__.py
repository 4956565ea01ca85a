"""What `benchmarks.sizes` is made of: the book that grows, the chart, and the page that shows both."""
