"""Worked solutions made by a teacher: asked, verified, filtered, and written again as numbered steps.

`teach` is the whole; it only appends lines (`lines`) to a file. `figures` counts them, `outcome` makes problems of
them: both are light, for the web reads them too. `teachers` asks models in this process or, with `endpoint`, others
over HTTP.
"""
