// Of which session blocks a store is away, as the workers say.
import t from 'tap';
import { StoreReports } from '../../src/process/store-reports.ts';

t.test('one worker whose store is away is enough, and it is back when it is for all', async (t) => {
  const reports = new StoreReports();
  t.equal(reports.whyAway('members'), null);
  reports.tell(0, 'members', false, 'ECONNREFUSED');
  reports.tell(1, 'members', false, 'late');
  t.equal(reports.whyAway('members'), 'ECONNREFUSED');
  t.equal(reports.whyAway('others'), null);
  reports.tell(0, 'members', true, '');
  t.equal(reports.whyAway('members'), 'late');
  reports.tell(1, 'members', true, '');
  t.equal(reports.whyAway('members'), null);
});

t.test('a worker that is no more has nothing to say', async (t) => {
  const reports = new StoreReports();
  reports.tell(1, 'members', false, 'ECONNREFUSED');
  reports.forget(0);
  t.equal(reports.whyAway('members'), 'ECONNREFUSED');
  reports.forget(1);
  t.equal(reports.whyAway('members'), null);
});
