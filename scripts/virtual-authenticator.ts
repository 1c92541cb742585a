import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core';
import { installChromium } from './install-chromium.js';

/** A real browser with an authenticator that is simulated below it, as a security key would be plugged in. */
export interface VirtualAuthenticator {
  /** Lets the browser make a passkey on a page of this origin, and returns its response. Rejects as the browser does. */
  create(options: object, origin?: string): Promise<PasskeyResponse>;
  /** Lets the browser prove that it has one. */
  get(options: object, origin?: string): Promise<PasskeyResponse>;
  /** Sets the count of all its passkeys, as if it were a copy of earlier. */
  setCounts(signCount: number): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: tests change parts of what the browser says.
export type PasskeyResponse = any;

export interface TestBrowser {
  plugIn(): Promise<VirtualAuthenticator>;
  close(): Promise<void>;
}

export const ORIGIN = 'http://localhost:3000';

export async function startBrowser(): Promise<TestBrowser> {
  const { executablePath, env } = installChromium();
  const browser = await chromium.launch({ executablePath, env: { ...process.env, ...env }, chromiumSandbox: false });
  return { plugIn: () => plugIn(browser), close: () => browser.close() };
}

async function plugIn(browser: Browser): Promise<VirtualAuthenticator> {
  const context = await browser.newContext();
  // A page of any origin, without a server.
  await context.route('**/*', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<title>Application</title>' }),
  );
  const page = await context.newPage();
  await page.goto(ORIGIN);
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'usb', automaticPresenceSimulation: true },
  });
  return {
    create: (options, origin = ORIGIN) => onPage(page, origin, { kind: 'create', options }),
    get: (options, origin = ORIGIN) => onPage(page, origin, { kind: 'get', options }),
    setCounts: (signCount) => setCounts(cdp, authenticatorId, signCount),
  };
}

async function onPage(
  page: Page,
  origin: string,
  asked: { readonly kind: 'create' | 'get'; readonly options: object },
): Promise<PasskeyResponse> {
  if (new URL(page.url()).origin !== origin) await page.goto(origin);
  // Runs in the page, whose globals this program does not know; as text, since compilers add helpers to functions.
  return page.evaluate(`(async ({ kind, options }) => {
    const credential = kind === 'create'
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    return credential.toJSON();
  })(${JSON.stringify(asked)})`);
}

async function setCounts(cdp: CDPSession, authenticatorId: string, signCount: number): Promise<void> {
  const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
  for (const credential of credentials) {
    const { credentialId } = credential;
    await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId });
    await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential, signCount } });
  }
}
