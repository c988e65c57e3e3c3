"""The product: what organisations report, held against what parents declare.

Verbs act (one use case on one open connection), the store remembers (SQL), the rules decide (pure). No framework here.

     TVS ── declarations ─┐                                   ┌── change ──> TVS ── processed / refused ──┐
                          v                                   |                                           v
     organisation ── delivery ──> receive ──> compare ──> difference ──> notice ──> app ──> answer ──> change
                     (lines)      each line   SQL finds,  one open per                      one tap    outbox
                                  one outcome rules judge placement
"""
