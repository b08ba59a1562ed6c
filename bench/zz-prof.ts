import { Redis } from 'ioredis';
import { hash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { systemTimers } from '../src/base/timers.ts';
import { RedisKeeper } from '../src/session/revocation/redis-keeper.ts';
import { RevocationRegistry } from '../src/session/revocation/registry.ts';
import { OrderReader } from '../src/session/revocation/order.ts';
import { parseStoreUrl } from '../src/session/stores/store-url.ts';
const PORT=27831;
const server=spawn('redis-server',['--port',String(PORT),'--save','','--bind','127.0.0.1'],{stdio:'ignore'});
await new Promise(r=>setTimeout(r,500));
const c=new Redis({port:PORT,host:'127.0.0.1'});
const N=Number(process.argv[2]??1e6); const now=Date.now(), until=Math.ceil(now/1000)+86400;
for(let i=0;i<N;i+=5000){ const h:any[]=[];
  for(let j=i;j<i+5000;j++){ const id='n'+Buffer.from(hash('sha256','session '+j,'buffer').subarray(0,16)).toString('base64url');
    h.push(id,`s ${now} ${until}  ${now} ops  lost%20phone`); }
  await c.hset('{limpet}:revocations',...h); }
const rcpu=async()=>{const s=await c.info('cpu');return Number(s.match(/used_cpu_user:(\S+)/)![1])+Number(s.match(/used_cpu_sys:(\S+)/)![1])};
const cpu=()=>{const u=process.cpuUsage();return (u.user+u.system)/1e6};
(globalThis as any).gc?.();
const memory=RevocationRegistry.allocate(1e6);
const m0=process.memoryUsage.rss();
const reg=new RevocationRegistry({memory,ttlMs:1e9,reader:new OrderReader([]),clock:systemClock,timers:systemTimers,onDropped:(w)=>console.log(w),
 keeper:new RedisKeeper({prefix:'limpet',entries:1e6,spec:{url:parseStoreUrl(`redis://127.0.0.1:${PORT}/0`),tls:null,replicas:false,deadlineMs:750,concurrency:1,folder:'',clock:systemClock,random:systemRandom()}})});
let worst=0,last=performance.now();const tick=setInterval(()=>{const n=performance.now();worst=Math.max(worst,n-last);last=n;},1);
const r0=await rcpu(),u0=cpu(),t0=performance.now();
await reg.start();
console.log('entries',reg.count,'wall',performance.now()-t0,'node cpu s',cpu()-u0,'redis cpu s',await rcpu()-r0,'rss +MiB',(process.memoryUsage.rss()-m0)/1048576,'longest turn ms',worst);
clearInterval(tick);
(globalThis as any).gc?.(); await new Promise(r=>setTimeout(r,500));
console.log('after gc rss +MiB',(process.memoryUsage.rss()-m0)/1048576);
await reg.close(); c.disconnect(); server.kill();
