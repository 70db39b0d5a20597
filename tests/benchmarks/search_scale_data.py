"""Very many searches and solutions, copied inside the database from a few made trees."""

from typing import Any

from django.db import connection

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree, store_made_trees
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search.models import HardSubset, SearchTree

TREES, SOLUTIONS, PROBLEMS = 20_000, 20_000, 4_000
TEMPLATES, NODES_A_TREE, LARGEST = 20, 44, 10_000
RUNS, TREES_A_STEP = 8, 64
PHASES, LOOKED_AT = 20, 10_000

COPIED = ("ends", "right_ends", "expansions", "depth", "prefix_tokens", "prefix_recomputed", "solved", "uniform",
          "exhausted", "first_solved", "seconds", "why_kept", "stored", "dropped", "pinned")  # fmt: skip
"""Columns of trees that are those of their template."""

PROMPTS = """
INSERT INTO inspection_prompt (run_id, problem_id, text, answer)
SELECT r.id, 'problem-' || p, 'user: Compute ' || p || ' * 3 + ' || r.id || ', step by step.' || E'\\nassistant:', '7'
FROM unnest(%(runs)s::bigint[]) r(id), generate_series(1, %(problems)s) p
"""
TREE_ROWS = f"""
INSERT INTO search_searchtree (id, run_id, prompt_id, step, split, index, nodes, tokens, best_q, mean_reward,
                               {", ".join(COPIED)})
SELECT %(first)s + g, p.run_id, p.id, 10 + g / {TREES_A_STEP}, 'train', g %% {TREES_A_STEP}, t.nodes,
       t.tokens + (g * 7919) %% 4000, t.best_q - ((g * 31) %% 97) / 200.0, t.mean_reward + ((g * 17) %% 89) / 500.0,
       {", ".join(f"t.{name}" for name in COPIED)}
FROM generate_series(0, %(trees)s - 1) g
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM search_searchtree WHERE id = ANY(%(templates)s)) t
  ON t.place = g %% {TEMPLATES}
JOIN (SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY id) AS place FROM inspection_prompt
      WHERE problem_id LIKE 'problem-%%') p
  ON p.place = 1 + (g * 13) %% %(problems)s
 AND p.run_id = CASE WHEN g %% 10 < 6 THEN (%(runs)s)[1] ELSE (%(runs)s)[1 + g %% {RUNS}] END
"""  # noqa: S608  # numbers and names of our own
PER_NODE = """
INSERT INTO {table} (tree_id, {columns}) SELECT %(first)s + g, {columns}
FROM generate_series(0, %(trees)s - 1) g
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM search_searchtree WHERE id = ANY(%(templates)s)) t
  ON t.place = g %% {templates}
JOIN {table} n ON n.tree_id = t.id
"""
SOLUTION_ROWS = """
INSERT INTO search_verifiedsolution (problem, key, problem_id, problem_set, prompt, answer, text, token_ids, logprobs,
    tokenizer, length, verifier, found_by_id, found_step, tree_id, node, found_at, times_used, tokens_saved,
    verified_at, invalid_reason)
SELECT md5('p' || g %% %(problems)s), md5('s' || g), 'problem-' || g %% %(problems)s,
       CASE WHEN g %% 3 = 0 THEN 'builtin/hard' ELSE 'builtin/middle' END,
       'Compute ' || g %% %(problems)s || ' * 3', (g %% 97)::text,
       'First ' || g || ' * 3 = ' || g * 3 || E'\\nThen I check it again.\\n<answer>' || g %% 97 || '</answer>',
       decode(repeat('01000000', 40), 'hex'), decode(repeat('000080bf', 40), 'hex'), 'abc', 20 + (g * 7) %% 300,
       (ARRAY['1', '2'])[1 + g %% 2], (%(runs)s)[1 + g %% %(count)s], 10 + g / 64, %(first)s + g %% %(trees)s, 3,
       now() - g * interval '1 minute', (g * 11) %% 60, (g * 131) %% 90000, now(), ''
FROM generate_series(1, %(solutions)s) g
"""


def make_all() -> tuple[Run, SearchTree]:
    """Everything; returns the run with most trees and the largest tree."""
    method = {"kind": "deepsearch", "hard_subset": {"enabled": True}}
    runs = [make_run(f"search-{n}", status=RunStatus.RUNNING, step=200, method=method) for n in range(RUNS)]
    spare = make_run("templates", method=method)
    records = [
        made_tree(nodes=NODES_A_TREE, seed=n, index=n, solved=n % 3 > 0, trajectories=4) for n in range(TEMPLATES)
    ]
    store_made_trees(spare, records)
    largest = store_made_tree(runs[0], made_tree(nodes=LARGEST, step=1, width=8))
    templates = list(SearchTree.objects.filter(run=spare).values_list("pk", flat=True))
    given = {
        "runs": [run.pk for run in runs], "count": RUNS, "templates": templates, "trees": TREES,
        "problems": PROBLEMS, "solutions": SOLUTIONS, "first": 1_000_000,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (PROMPTS, TREE_ROWS, *map(_per_node, ("searchbody", "searchnode", "searchnodetext"))):
            cursor.execute(statement, given)
        cursor.execute(SOLUTION_ROWS, given)
        cursor.execute("SELECT setval(pg_get_serial_sequence('search_searchtree', 'id'), 2000000)")
        _make_subsets(runs[0])
        for table in ("searchtree", "searchbody", "searchnode", "searchnodetext", "verifiedsolution", "hardsubset"):
            cursor.execute(f"VACUUM ANALYZE search_{table}")
        cursor.execute("VACUUM ANALYZE inspection_prompt")
    return runs[0], largest


def _per_node(table: str) -> str:
    """Copies the rows that hang on a template to all its trees."""
    name = f"search_{table}"
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, name)
    columns = ", ".join(column.name for column in described if column.name != "tree_id")
    return PER_NODE.format(table=name, columns=columns, templates=TEMPLATES)


def _make_subsets(run: Run) -> None:
    ids: list[Any] = [f"problem-{number}" for number in range(LOOKED_AT)]
    HardSubset.objects.bulk_create(
        HardSubset(
            run=run, step=50 * phase, phase=phase, samples=4, ids=ids,
            right=[(number * (phase + 3)) % 5 for number in range(LOOKED_AT)],
            kept=[(number * (phase + 3)) % 5 < 2 for number in range(LOOKED_AT)],
            cached=[number % 7 == phase % 7 for number in range(LOOKED_AT)], tokens=1_234_567,
        )
        for phase in range(PHASES)
    )  # fmt: skip
