// The vectors of Spring Session and ASP.NET Core as session blocks; key rings are written as the framework writes them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Configured, Vector } from '../judge.ts';

export function springSession({ config }: Vector): Configured {
  return {
    verify: 'spring-session',
    cookie: config.cookieName,
    user: config.userIdKeys,
    store: 'redis',
    prefix: config.keyTemplate.replace('<id>', ''),
    options: { base64: config.base64Cookie },
  };
}

interface RingKey {
  readonly id: string;
  readonly master: string;
  readonly gcm: boolean;
  readonly mac: string;
  readonly revoked?: boolean;
}

const rings = new Map<string, string>();
process.once('exit', () => {
  for (const folder of rings.values()) rmSync(folder, { recursive: true, force: true });
});

/** A folder as PersistKeysToFileSystem leaves it. */
function ringFolder(keys: readonly RingKey[]): string {
  const known = rings.get(JSON.stringify(keys));
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'limpet-ring-'));
  rings.set(JSON.stringify(keys), folder);
  for (const { id, master, gcm, mac, revoked } of keys) {
    writeFileSync(
      join(folder, `key-${id}.xml`),
      `<?xml version="1.0" encoding="utf-8"?>
<key id="${id}" version="1">
  <creationDate>2026-11-01T00:00:00.0Z</creationDate>
  <activationDate>2026-11-01T00:00:00.0Z</activationDate>
  <expirationDate>2027-02-01T00:00:00.0Z</expirationDate>
  <descriptor deserializerType="Microsoft.AspNetCore.DataProtection.AuthenticatedEncryption.ConfigurationModel.AuthenticatedEncryptorDescriptorDeserializer">
    <descriptor>
      <encryption algorithm="AES_256_${gcm ? 'GCM' : 'CBC'}" />
      ${gcm ? '' : `<validation algorithm="HMACSHA${mac.replace('sha', '')}" />`}
      <masterKey p4:requiresEncryption="true" xmlns:p4="http://schemas.asp.net/2015/03/dataProtection">
        <!-- Warning: the key below is in an unencrypted form. -->
        <value>${master}</value>
      </masterKey>
    </descriptor>
  </descriptor>
</key>
`,
    );
    if (!revoked) continue;
    writeFileSync(
      join(folder, `revocation-${id}.xml`),
      `<?xml version="1.0" encoding="utf-8"?>
<revocation version="1">
  <revocationDate>2026-11-02T00:00:00.0Z</revocationDate>
  <key id="${id}" />
  <reason>a test</reason>
</revocation>
`,
    );
  }
  return folder;
}

export function aspnetcore(vector: Vector): Configured {
  const { config } = vector;
  const keys = ringFolder(config.keyRing);
  const [application, use, scheme] = config.purposes as string[];
  if (use === 'SessionMiddleware') {
    return {
      verify: 'aspnetcore-session',
      cookie: config.cookieName,
      user: config.userIdKeys,
      store: 'redis',
      prefix: config.instanceName,
      options: { keys, application, userEncoding: config.userIdEncoding },
    };
  }
  // `claims[nameidentifier]`: a claim by its name.
  const claim = /^claims\[(.+)\]$/.exec(config.userIdPath)?.[1];
  return {
    verify: 'aspnetcore-auth',
    cookie: config.cookieName,
    user: claim === undefined ? config.userIdKeys : ['claims', claim],
    options: { keys, application, scheme },
  };
}
