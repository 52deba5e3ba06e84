-- Reader: who gave somebody a role or a facility, on the pages of people and in the access review. What
-- they did themselves, years of sign-ins, lies beside it.
CREATE INDEX audit_given ON accounts_auditevent (object, at DESC)
 WHERE act IN ('role.granted', 'facility.granted');
