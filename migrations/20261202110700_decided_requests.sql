-- Requests that a person has decided and that are not answered yet: taking a permission back ends
-- them too.
CREATE INDEX pending_authorizations_decided_by ON pending_authorizations (decided_by)
    WHERE finished_at IS NULL;
