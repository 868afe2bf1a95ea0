"""The controller: what GridJobs ask for becomes pods, and what pods did becomes status, records and mail.

A reconciler: everything is planned anew from the objects, every action may be repeated, and being killed
at any point loses nothing.  `plan` puts the steps of one look at a job together (`admit`, `orders`,
`observe`, `record`), `dispatch` starts what may start, `housekeeping` does the rest; all of them pure or
nearly so.  `executor` writes, `reconcile` drives, `loop` has the threads.  Must not know argv, nor how
mail is sent.
"""
