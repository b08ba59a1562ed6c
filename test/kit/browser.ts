// A real Chromium with a profile of its own, closed with the test; what its pages complain of is kept.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Owner } from './child.ts';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export interface BrowserOptions {
  /** Default 1360 × 900. */
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Lets the test itself put scripts into pages; never for a test of what a page may do. */
  readonly bypassCSP?: boolean;
}

/** Starts one; closed with `owner`. */
export async function startBrowser(owner: Owner, options: BrowserOptions = {}): Promise<BrowserContext> {
  const profile = mkdtempSync(join(tmpdir(), 'limpet-browser-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: PATHS.find(existsSync) ?? 'chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    viewport: { width: 1360, height: 900 },
    ...options,
  });
  owner.teardown(async () => {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  });
  return browser;
}

/** What the page says on its console as an error, and what it throws, as it comes: a breach of its policy is among that. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return complaints;
}
