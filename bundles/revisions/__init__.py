"""Plan and apply over REST: `/v1/orgs/{org_id}/config/revisions`."""
