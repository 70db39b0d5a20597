// Numbers and events of a search in words.

const MINUS = "−";

export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return String(Number(value.toPrecision(digits))).replace("-", MINUS);
}

export function signed(value, digits = 3) {
  return (value > 0 ? "+" : "") + number(value, digits);
}

/** A step's text on one line. */
export function oneLine(text, most = 60) {
  const line = text.replaceAll("\n", "⏎").replaceAll("\t", " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

export function count(amount, one, many = `${one}s`) {
  return `${amount.toLocaleString("en")} ${amount === 1 ? one : many}`;
}

const near = (a, b) => Math.abs(a - b) <= 2e-3 * Math.max(1, Math.abs(b));

/** "0.4·tanh(0.5) + 0.01·0.87 = 0.194", and what was recorded where that says something else. */
function sum(terms, total, recorded) {
  const text = `${terms.join(" + ") || "0"} = ${number(near(total, recorded) ? recorded : total)}`;
  return near(total, recorded) ? text : `${text}; recorded was ${number(recorded)}`;
}

function depthTerm(depth, search) {
  const form = search.frontier?.depth_form ?? "sqrt";
  return { sqrt: Math.sqrt(depth / (search.max_depth || 1)), log: Math.log(depth + 1), linear: depth }[form] ?? 0;
}

function jumpTerms(tree, replay, node, recorded) {
  const { search } = tree;
  const weights = search.frontier ?? {};
  const lazy = search.expansion === "lazy";
  const kids = Array.from(tree.children(node)).filter((kid) => replay.isBorn(kid));
  const mean = kids.reduce((total, kid) => total + (tree.surprise[kid] || 0), 0) / Math.max(kids.length, 1);
  const parent = replay.quality(lazy || node === 0 ? node : tree.parent[node]);
  const surprise = lazy ? mean : tree.surprise[node] || 0;
  const depth = depthTerm(tree.depth[node] + (lazy ? 1 : 0), search);
  const own = replay.quality(node);
  const all = [
    [weights.quality, Math.tanh(parent), `tanh(${number(parent)})`],
    [weights.entropy, surprise, number(surprise)],
    [weights.depth, depth, number(depth)],
    [weights.own_quality, Math.tanh(own), `tanh(${number(own)})`],
  ].filter(([weight]) => weight);
  const total = all.reduce((sum, [weight, value]) => sum + weight * value, 0);
  return sum(all.map(([weight, , text]) => `${number(weight)}·${text}`), total, recorded);
}

function uctTerms(tree, replay, node, recorded) {
  if (node === 0) return "";
  const weight = tree.search.exploration ?? 0;
  // Walking down from the root counts a visit of every child that is compared, after it was compared.
  const visits = replay.visits[node] - (replay.columns.changes[replay.at] ? 1 : 0);
  const above = replay.visits[tree.parent[node]];
  const quality = visits ? replay.q[node] / visits : 0;
  const bonus = visits && above ? Math.sqrt(Math.log(above) / visits) : 0;
  const text = visits && above ? `${number(weight)}·√(ln ${above} / ${visits})` : "no bonus";
  return `: ${sum([number(quality), text], quality + weight * bonus, recorded)}`;
}

/** The present event of a replay as a sentence. */
export function tellEvent(tree, replay) {
  if (!replay.length) return "No replay was kept: shown is the end of the search.";
  const { columns, at } = replay;
  const node = columns.node[at];
  const value = columns.value[at];
  const along = columns.changes[at];
  const told = {
    0: () => `select node ${node} by UCT${uctTerms(tree, replay, node, value)}`,
    1: () => `jump to node ${node}: ${jumpTerms(tree, replay, node, value)}`,
    2: () => `expand node ${node}: ${count(value, "child", "children")}`,
    3: () => `verify node ${node}: ${value > 0 ? "right" : "not right"} (${signed(value)})`,
    4: () => `backup ${signed(value)} along ${count(along, "node")}, from node ${node} up to the root`,
    5: () => `node ${node}, an end left over, is recorded (${signed(value)})`,
    6: () => `${count(value, "whole response")} from the root, as nothing is left to expand`,
  }[columns.kind[at]];
  return told ? told() : `event at node ${node}`;
}
