// What the admin side is told of the config, and what it may have done with it.
import type { CheckedConfig, ConfigDesk, RefusedConfig, ShownConfig } from '../admin/config-desk.ts';
import type { ReloadResult } from '../admin/reload-result.ts';
import { diffConfigs } from '../config/diff.ts';
import type { LoadResult } from '../config/load.ts';
import { shownConfig } from '../config/shown.ts';
import type { MainGeneration } from './main-generation.ts';
import { nextConfig } from './next-config.ts';
import type { ReloadCause } from './reloader.ts';
import { wrongSentence } from './reloader.ts';

/** The parts of the main thread that it looks at. */
export interface ConfigSource {
  readonly current: MainGeneration;
  /** Loads a text in the stead of the file. */
  load(text: string): LoadResult;
  readonly reloader: { readonly older: number };
  reload(how: ReloadCause['how'], by: string | null): Promise<ReloadResult>;
}

export class ConfigView implements ConfigDesk {
  readonly #source: ConfigSource;

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  shown(): ShownConfig {
    const { current, reloader } = this.#source;
    const { number, sinceMs, config } = current;
    return {
      generation: number,
      since: new Date(sinceMs).toISOString(),
      file: config.file,
      older: reloader.older,
      config: shownConfig(config),
    };
  }

  check(text: string): CheckedConfig | RefusedConfig {
    const { current } = this.#source;
    const { config: given, problems, redact = (told: string) => told } = this.#source.load(text);
    if (given === null)
      return { error: { code: 'config.wrong', message: wrongSentence(problems) }, problems };
    const { config, needsRestart } = nextConfig(given, current);
    // Who asks wrote the text, and may have made a name of any variable or file that only Limpet can read.
    const changes = diffConfigs(current.config, config).map((change) => ({
      ...change,
      name: redact(change.name),
      text: redact(change.text),
    }));
    return { changes, needsRestart, warnings: problems };
  }

  reload(by: string): Promise<ReloadResult> {
    return this.#source.reload('api', by);
  }
}
