"""One document about a host, and the faces that show it: terminal, JSON, HTML, notebook."""
