"""How gently cells may be imaged: good images made worse step by step, and what that costs."""
