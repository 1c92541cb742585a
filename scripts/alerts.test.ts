import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { installPromtool, whyNoPromtool } from './install-promtool.js';

const INSTALL_TIMEOUT_MS = 200_000;
const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

interface RuleTest {
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly object[];
  }[];
}

const rules = (
  parse(read('ops/prometheus/alerts.yaml')).groups as readonly { readonly rules: readonly Rule[] }[]
).flatMap((group) => group.rules);
const runbooks = read('docs/operating/runbooks.md');
/** The metrics that the page describes, which another test compares with a scrape. */
const described = new Set(
  [...read('docs/operating/metrics.md').matchAll(/^\| `(\w+)` \| \w+ \|/gm)].map(([, name]) => name),
);

/** The names of metrics in a text, without those of the samples of histograms. */
function metricsIn(text: string): readonly string[] {
  const names = [...text.matchAll(/\b(?:micropay|process|nodejs)_[a-z0-9_]*[a-z0-9]\b/g)].map(([name]) => name);
  return names.map((name) => (described.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '')));
}

function promtool(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(installPromtool(), words, {
    cwd: fileURLToPath(new URL('ops/prometheus/', root)),
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
}

const whyNot = whyNoPromtool();

describe('the alerts of ops/prometheus', () => {
  it('each alert fires in alerts.test.yaml, is silent there on a good day, and promtool says so', {
    timeout: INSTALL_TIMEOUT_MS,
  }, (context) => {
    if (whyNot !== undefined) {
      if (process.env.CI) throw new Error(`promtool is not skipped in CI: it ${whyNot}`);
      context.skip(whyNot);
    }
    const tests = (parse(read('ops/prometheus/alerts.test.yaml')).tests as readonly RuleTest[]).flatMap(
      ({ alert_rule_test }) => alert_rule_test,
    );
    for (const { alert } of rules) {
      const own = tests.filter(({ alertname }) => alertname === alert);
      expect(
        own.some(({ exp_alerts }) => exp_alerts.length > 0),
        `${alert} fires`,
      ).toBe(true);
      expect(
        own.some(({ exp_alerts }) => exp_alerts.length === 0),
        `${alert} is silent`,
      ).toBe(true);
    }
    expect(promtool('check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yaml')).toMatchObject({ status: 0 });
    const { status, output } = promtool('test', 'rules', 'alerts.test.yaml');
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  it('each alert has a severity, a sentence, and a section of its own in the runbooks, and no section has no alert', () => {
    const sections = [...runbooks.matchAll(/^## (Micropay\w+)$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, labels, annotations } of rules) {
      expect(labels.severity).toMatch(/^(page|ticket)$/);
      expect(annotations.summary).toMatch(/\.$/);
      expect(annotations.runbook_url).toMatch(new RegExp(`/docs/operating/runbooks\\.md#${alert.toLowerCase()}$`));
    }
  });

  it('each section of the runbooks says what it means, what users feel, where to look, what to do and how it ends', () => {
    for (const section of runbooks.split(/^## /m).filter((text) => text.startsWith('Micropay'))) {
      const parts = [...section.matchAll(/^\*\*(.+?)\*\*/gm)].map(([, title]) => title);
      expect(parts, section.split('\n')[0]).toEqual(['Means.', 'Users.', 'Look.', 'Do.', 'Over.']);
    }
  });

  it('alerts, dashboard and runbooks name no metric that a server does not have', () => {
    expect(described.size).toBeGreaterThan(30);
    const named = new Set(
      [...rules.map(({ expr }) => expr), read('ops/grafana/micropay.json'), runbooks].flatMap(metricsIn),
    );
    expect([...named].filter((name) => !described.has(name))).toEqual([]);
    expect(named.size).toBeGreaterThan(20);
  });

  it('the chart carries the same alerts', () => {
    expect(read('charts/micropay/alerts.yaml')).toBe(read('ops/prometheus/alerts.yaml'));
  });
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly datasource?: unknown;
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: unknown }[];
}

describe('the dashboard of ops/grafana', () => {
  const dashboard = JSON.parse(read('ops/grafana/micropay.json')) as {
    readonly uid: string;
    readonly title: string;
    readonly schemaVersion: number;
    readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
    readonly panels: readonly Panel[];
  };
  const datasource = { type: 'prometheus', uid: '$' + '{datasource}' };

  it('the dashboard has what Grafana needs, and asks for the source of its data', () => {
    expect(dashboard).toMatchObject({ uid: 'micropay', title: 'MicroPay' });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { type, title, gridPos, targets, datasource: source } of dashboard.panels) {
      expect(title).not.toBe('');
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      if (type === 'row') continue;
      expect(source).toEqual(datasource);
      expect(targets?.length).toBeGreaterThan(0);
      for (const target of targets ?? []) expect(target.datasource).toEqual(datasource);
    }
  });

  it('each query of the dashboard is PromQL', { timeout: INSTALL_TIMEOUT_MS }, (context) => {
    if (whyNot !== undefined) {
      if (process.env.CI) throw new Error(`promtool is not skipped in CI: it ${whyNot}`);
      context.skip(whyNot);
    }
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const asRules = queries.map((expr, index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }));
    const directory = mkdtempSync(join(tmpdir(), 'micropay-dashboard-'));
    const file = join(directory, 'queries.json');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
    const { status, output } = promtool('check', 'rules', file);
    rmSync(directory, { recursive: true });
    expect([status, output]).toEqual([0, expect.stringContaining(`SUCCESS: ${queries.length} rules found`)]);
  });
});
