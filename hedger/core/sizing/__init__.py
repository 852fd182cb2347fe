"""How positions are scaled with the market; one file per idea, none knows another.

Each model says *what* it scales: the **book** (how much option risk to carry), the **centre**
(where delta should sit) or the **trade** (how fast to get there). Each is pure, reads finished
numbers, and answers with a `Scaling`; `combine` is the rule that joins them.
"""
