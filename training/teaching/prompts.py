"""The prompt that has a solution written again as numbered steps, with two examples (SRL, arXiv 2510.25992, App. B.3).

The paper shows the form of the steps and that the rewriter follows the original solution; the words and the examples
here are this project's own.
"""

_RULES = """\
Write a worked solution again as a list of numbered steps.

Rules:
- Follow the original solution. Do not solve the problem yourself, do not correct it, add nothing it does not do.
- Begin with the line SOLUTION: and write nothing before it and nothing after the last step.
- Each step has the form: k. **Step title** step action
- k counts from 1. The title is a short phrase that begins with a verb. The action holds the reasoning and all the \
computation of that step.
- The last step states the final answer in \\boxed{}, exactly as the original solution gives it.\
"""

_EXAMPLES = (
    (
        "A shop sells pens at 3 euros each and gives 4 euros off any purchase above 20 euros. What do 9 pens cost?",
        "9 pens are 9*3=27 euros, that's more than 20, so we get the discount: 27-4=23. #### 23",
        "1. **Find the full price** Nine pens at 3 euros each cost 9*3=27 euros.\n"
        "2. **Check the discount** Since 27 is more than 20, 4 euros are taken off.\n"
        "3. **Subtract the discount** The price is 27-4=23 euros, so the answer is \\boxed{23}.",
    ),
    (
        "Find the sum of all real x with x^2 - 5x + 6 = 0.",
        "<think>Factor: (x-2)(x-3)=0. Roots 2 and 3. By Vieta the sum should be 5, and 2+3=5, good.</think>"
        "<answer>5</answer>",
        "1. **Factor the quadratic** The equation x^2-5x+6=0 becomes (x-2)(x-3)=0.\n"
        "2. **Read off the roots** A factor is zero for x=2 or x=3.\n"
        "3. **Add the roots** The sum is 2+3=5, which agrees with Vieta's formula. The answer is \\boxed{5}.",
    ),
)


def rewrite_prompt(problem: str, solution: str) -> str:
    """What the rewriter is asked: the rules, two examples, and the solution to write again."""
    shots = [f"{_asked(*shot[:2])}\n\nSOLUTION:\n{shot[2]}" for shot in _EXAMPLES]
    return "\n\n---\n\n".join([_RULES, *shots, _asked(problem, solution)])


def _asked(problem: str, solution: str) -> str:
    return f"PROBLEM:\n{problem.strip()}\n\nORIGINAL SOLUTION:\n{solution.strip()}"
