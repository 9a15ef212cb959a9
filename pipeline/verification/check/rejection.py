"""The one exception of the checker."""


class Rejected(Exception):
    """The certificate proves nothing: a file, a gadget or an inequality is not what it claims."""
