// The routes as the admin side tells them: where each leads, and of a split what became of each side.
import type { RouteSideView, RouteView } from '../admin/view.ts';
import { type Config, type RouteConfig, writtenRoutes } from '../config/config.ts';
import type { MetricShelf } from '../observe/metric-shelf.ts';

/** In config order. */
export function routeViews(config: Config, shelf: MetricShelf): RouteView[] {
  const counted = countSides(shelf);
  return writtenRoutes(config).map((route): RouteView => {
    const { split } = route;
    const sides =
      split === null ? [route] : config.routes.filter((other) => other.split?.group === split.group);
    return {
      name: route.name,
      host: route.host,
      path: route.exact ? `= ${route.path}` : route.path,
      methods: route.methods,
      does: split === null ? route.action.kind : 'split',
      sessions: route.sessions,
      pools: sides.flatMap((side) => sideView(side, counted)),
    };
  });
}

type Counted = ReadonlyMap<string, { readonly requests: number; readonly failures: number }>;

function sideView({ name, action, split }: RouteConfig, counted: Counted): RouteSideView[] {
  if (action.kind !== 'pool') return [];
  const { requests, failures } = counted.get(keyOf(name, action.pool)) ?? { requests: 0, failures: 0 };
  return [{ pool: action.pool, weight: split?.weight ?? null, requests, failures }];
}

/** By route and pool, over all its upstreams and statuses. */
function countSides(shelf: MetricShelf): Counted {
  const counted = new Map<string, { requests: number; failures: number }>();
  for (const { labels, cells } of shelf.sums('limpet_requests_total')) {
    const { route = '', pool = '', code = '' } = labels;
    const key = keyOf(route, pool);
    const own = counted.get(key) ?? { requests: 0, failures: 0 };
    own.requests += cells[0]!;
    if (code >= '500') own.failures += cells[0]!;
    counted.set(key, own);
  }
  return counted;
}

function keyOf(route: string, pool: string): string {
  return `${route}\0${pool}`;
}
