"""Guards of a FastAPI application: `Depends(guard.require("finance.read"))`, and `unguarded(app)` for a test. Needs castellan-client[fastapi]."""

from ._bearer import Bearer, bearer
from ._guard import Access, Guard, public
from ._problems import answer_problems
from ._unguarded import unguarded

__all__ = ["Access", "Bearer", "Guard", "answer_problems", "bearer", "public", "unguarded"]
