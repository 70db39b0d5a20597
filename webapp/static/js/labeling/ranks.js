// Ranks as a Map from handle to number, 1 the best, equal numbers tie; gaps mean nothing. Its order is the order shown
// (an object would sort handles that look like numbers first). All functions are pure.

// Groups from best to worst, each a list of handles in the order shown.
export function groupsOf(ranks) {
  const groups = new Map();
  for (const [handle, rank] of ranks) groups.set(rank, [...(groups.get(rank) ?? []), handle]);
  return [...groups].sort(([a], [b]) => a - b).map(([, handles]) => handles);
}

// Numbers again, without gaps; the order of handles is that of `like`, so that ties keep the order shown.
export function ranksOf(groups, like) {
  const rank = (handle) => groups.findIndex((group) => group.includes(handle)) + 1;
  return new Map([...like.keys()].map((handle) => [handle, rank(handle)]));
}

export function isAsShown(ranks) {
  return [...ranks.values()].every((rank, place) => rank === place + 1);
}

// A place up (-1) or down (1): out of a tie it gets the place beside it, else it changes places with its neighbours.
export function moved(ranks, handle, by) {
  const groups = groupsOf(ranks);
  const at = groups.findIndex((group) => group.includes(handle));
  if (groups[at].length > 1) return ranksOf(placed(groups, handle, by < 0 ? at : at + 1), ranks);
  const to = at + by;
  if (to < 0 || to >= groups.length) return ranks;
  [groups[at], groups[to]] = [groups[to], groups[at]];
  return ranksOf(groups, ranks);
}

// A place of its own, before the group that stands at `before`.
export function alone(ranks, handle, before) {
  return ranksOf(placed(groupsOf(ranks), handle, before), ranks);
}

// One place with the group at `at`.
export function tied(ranks, handle, at) {
  const groups = groupsOf(ranks);
  if (groups[at].includes(handle)) return ranks;
  const joined = groups.map((group, place) => [...without(group, handle), ...(place === at ? [handle] : [])]);
  return ranksOf(joined.filter((group) => group.length), ranks);
}

function placed(groups, handle, before) {
  const rest = groups.map((group) => without(group, handle));
  rest.splice(before, 0, [handle]);
  return rest.filter((group) => group.length);
}

function without(group, handle) {
  return group.filter((each) => each !== handle);
}
