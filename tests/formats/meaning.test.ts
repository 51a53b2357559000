import { describe, expect, it } from 'vitest';
import { createClassify } from '../../src/formats/classify.ts';

const classify = createClassify();
const meaning = (eventType: string): string => {
  const { domain, object, verb } = classify(eventType).classification;
  return `${domain} ${object} ${verb}`;
};

describe('a thing that nobody knows, of a thing that is known', () => {
  it.each([
    ['user_avatar_removed', 'unknown unknown delete'],
    ['user_seat_removed', 'unknown unknown delete'],
    ['delete user avatar', 'unknown unknown delete'],
    ['RemoveUserDevice', 'unknown unknown delete'],
    ['user_added_comment', 'unknown unknown create'],
    ['user_comment_updated', 'unknown unknown update'],
    ['user_consent_granted', 'unknown unknown grant'],
    ['user_view_created', 'unknown unknown create'],
    ['user_registration_disabled', 'unknown unknown disable'],
    ['password_reset_disabled', 'unknown unknown disable'],
    ['mfa_recovery_codes_generated', 'unknown unknown create'],
    ['role_mapping_deleted', 'unknown unknown delete'],
    ['group_mapping_deleted', 'unknown unknown delete'],
    ['saml_role_mapping_updated', 'unknown unknown update'],
    ['policy_exception_deleted', 'unknown unknown delete'],
    ['login_ip_blocked', 'unknown unknown unknown'],
    ['sync_cleanup_failed', 'unknown unknown unknown'],
    ['note_for_user_deleted', 'unknown unknown delete'],
    ['add_tag_to_user', 'unknown unknown create'],
    ['removed_from_team', 'unknown unknown delete'],
    ['add_comment_to_user_role', 'unknown unknown create'],
    ['add_note_to_team_member', 'unknown unknown create'],
  ])('%s is not taken for the known one', (eventType, expected) => {
    const { classification, rule } = classify(eventType);
    expect(`${classification.domain} ${classification.object} ${classification.verb}`).toBe(expected);
    expect(['unknown thing', 'lexicon']).toContain(rule);
    expect(classification.confidence).toBe('low');
  });

  it.each([
    ['team_name_changed', 'group team update'],
    ['user_email_changed', 'user user update'],
    ['user_email_verified', 'user user verify'],
    ['query_results_downloaded', 'content query export'],
    ['report_link_shared', 'content report share'],
    ['sync_access_granted', 'config sync grant'],
    ['user_bulk_deleted', 'user user delete'],
    ['user_deleted_permanently', 'user user delete'],
    ['DELETE /users/17', 'user user delete'],
    ['deletion of user', 'user user delete'],
    ['user_disabled_inactive', 'user user disable'],
    ['login_google', 'auth session login'],
    ['new_login_detected', 'auth session login'],
    ['built_in_role_updated', 'role role update'],
    ['TriggerOnDemandSync', 'run sync_run execute'],
    ['on_demand_sync_started', 'run sync_run start'],
    ['sync_from_source_completed', 'run sync_run finish'],
  ])('%s is about the known one all the same', (eventType, expected) =>
    expect(meaning(eventType)).toBe(expected),
  );

  it.each([
    ['mfa_device_removed', 'user mfa disable'],
    ['totp_secret_reset', 'user mfa disable'],
    ['mfa_enforcement_disabled', 'security_settings security_settings disable'],
    ['EnableMfaEnforcement', 'security_settings security_settings enable'],
    ['mfa_enforcement_updated', 'security_settings security_settings update'],
    ['saml metadata uploaded', 'security_settings security_settings create'],
    ['allowlist_entry_added', 'security_settings security_settings create'],
    ['sso_connection_created', 'security_settings security_settings create'],
    ['user_password_policy_updated', 'security_settings security_settings update'],
    ['session_timeout_changed', 'security_settings security_settings update'],
    ['audit log configuration updated', 'audit audit_log update'],
    ['audit_log_retention_updated', 'audit audit_log update'],
    ['audit_log_destination_deleted', 'audit audit_log delete'],
    ['audit_log_streaming_disabled', 'audit audit_log disable'],
    ['audit_log_exporter_deleted', 'audit audit_log delete'],
    ['audit_log_export_disabled', 'audit audit_log disable'],
    ['user_access_removed', 'privilege role_assignment revoke'],
    ['user_access_granted', 'privilege role_assignment grant'],
    ['payment_method_added', 'settings billing create'],
  ])('%s has a name of its own', (eventType, expected) => expect(meaning(eventType)).toBe(expected));
});

describe('nouns that many systems have', () => {
  it.each([
    ['security_group_deleted', 'unknown unknown delete'],
    ['azure_resource_group_deleted', 'unknown unknown delete'],
    ['sync_group_deleted', 'unknown unknown delete'],
    ['github_account_added', 'unknown unknown create'],
    ['account_connected', 'unknown unknown create'],
    ['account_disconnected', 'unknown unknown delete'],
    ['DisconnectAccount', 'unknown unknown delete'],
    ['slack_workspace_connected', 'unknown unknown create'],
    ['agent_session_started', 'unknown unknown start'],
    ['query_session_expired', 'unknown unknown expire'],
    ['session_recording_deleted', 'unknown unknown delete'],
    ['connection_deleted', 'unknown unknown delete'],
    ['aws_connection_created', 'unknown unknown create'],
    ['report_subscription_created', 'unknown unknown create'],
    ['policy_assignment_created', 'unknown unknown create'],
    ['report_schedule_deleted', 'unknown unknown delete'],
    ['sync_user_added', 'unknown unknown create'],
    ['dry_run_completed', 'unknown unknown execute'],
    ['gcp_account_added', 'config onboarding create'],
    ['azure_account_deleted', 'config onboarding delete'],
    ['azure_tenant_added', 'config onboarding create'],
    ['azure_subscription_added', 'config onboarding create'],
    ['query_run', 'content query execute'],
    ['query_run_started', 'content query execute'],
    ['policy_run_completed', 'policy policy execute'],
    ['report_run_completed', 'content report execute'],
    ['report_run_cancelled', 'content report stop'],
  ])("%s is not the Platform's own", (eventType, expected) => expect(meaning(eventType)).toBe(expected));

  it.each([
    ['account_created', 'user user create'],
    ['platform_account_created', 'user user create'],
    ['view_account', 'user user read'],
    ['iam.group.created', 'group team create'],
    ['tenant_deleted', 'group team delete'],
    ['subscription.cancelled', 'settings billing stop'],
    ['browser_session_created', 'auth session login'],
    ['session_opened', 'auth session login'],
    ['connection.tested', 'run test_connection execute'],
    ['destination_connection_failed', 'run test_connection finish'],
    ['run_failed', 'run sync_run finish'],
    ['sync_integration_run_started', 'run sync_run start'],
    ['rbac.assignment.deleted', 'privilege role_assignment revoke'],
  ])("%s is the Platform's own", (eventType, expected) => expect(meaning(eventType)).toBe(expected));
});

describe('people', () => {
  it.each([
    ['user_left_team', 'group team_member delete'],
    ['user_joined_team', 'group team_member create'],
    ['user_joined_workspace', 'group team_member create'],
    ['organization_left', 'group team_member delete'],
    ['member.left', 'group team_member delete'],
    ['member_removed', 'group team_member delete'],
    ['membership_revoked', 'group team_member delete'],
    ['team_user_added', 'group team_member create'],
    ['PlatformTeamUserRemove', 'group team_member delete'],
    ['team_invited_user', 'group team_member create'],
    ['user_added_member', 'group team_member create'],
    ['service_account_added_to_team', 'group team_member create'],
    ['service_account_created_for_team', 'credential api_key create'],
    ['user_created_team', 'group team create'],
    ['user_assigned_to_team', 'group team_member create'],
    ['user_added_to_policy', 'user user unknown'],
    ['user_created_in_team', 'group team_member create'],
    ['user_joined_chat', 'content agent_chat unknown'],
    ['user created by team admin', 'user user create'],
    ['member_disabled', 'user user disable'],
    ['role_member_added', 'privilege role_assignment grant'],
    ['user_created_role', 'role role create'],
    ['role_deleted_by_user', 'role role delete'],
    ['user_created_with_role', 'user user create'],
    ['started_impersonating_user', 'user user unknown'],
  ])('%s', (eventType, expected) => expect(meaning(eventType)).toBe(expected));

  it.each([
    ['invitation.revoked', 'user invitation update'],
    ['invite_revoked', 'user invitation update'],
    ['invitation_deleted', 'user invitation update'],
    ['cancel_invite', 'user invitation update'],
    ['team_invite_disabled', 'user invitation update'],
    ['org_invite_created', 'user invitation invite'],
    ['invitation.sent', 'user invitation invite'],
    ['invitation.accepted', 'user invitation accept'],
    ['invitation.opened', 'user invitation unknown'],
    ['invitation_requested', 'user invitation unknown'],
    ['user_invitation_expired', 'user invitation expire'],
    ['user_invite_failed', 'user user invite'],
  ])('%s does nothing to an account', (eventType, expected) => expect(meaning(eventType)).toBe(expected));

  it.each([
    ['authentication_disabled', 'security_settings security_settings disable'],
    ['authentication_method_updated', 'security_settings security_settings update'],
    ['auth_provider_deleted', 'security_settings security_settings delete'],
    ['password_login_disabled', 'security_settings security_settings disable'],
    ['DisablePasswordLogin', 'security_settings security_settings disable'],
    ['sign_in_method_added', 'security_settings security_settings create'],
    ['disable_login', 'unknown unknown disable'],
    ['DisableSignIn', 'unknown unknown disable'],
    ['login_notification_sent', 'config notification_destination unknown'],
    ['login_restricted', 'unknown unknown unknown'],
    ['authentication.failed', 'auth session login'],
    ['password_login_failed', 'auth session login'],
    ['new_sign_in', 'auth session login'],
  ])('%s is a sign-in only where somebody signs in', (eventType, expected) =>
    expect(meaning(eventType)).toBe(expected),
  );
});

describe('things put into others', () => {
  it.each([
    ['policy_added_to_policy_group', 'policy policy update'],
    ['RemovePolicyFromPolicyGroup', 'policy policy update'],
    ['source_added_to_sync', 'config sync_source update'],
    ['role_added_to_group', 'role role update'],
    ['add_permission_to_role', 'role permission create'],
    ['user added to platform', 'user user create'],
  ])('%s', (eventType, expected) => expect(meaning(eventType)).toBe(expected));
});

describe('what was only begun, asked for or taken back', () => {
  it.each([
    ['password.reset.completed', 'user password reset'],
    ['user_import_completed', 'user user create'],
    ['login_completed', 'auth session login'],
    ['data_export_completed', 'data data export'],
    ['data_export_started', 'data data export'],
    ['data_export_requested', 'data data export'],
    ['request_data_export', 'data data export'],
    ['data_export_cancelled', 'data data stop'],
    ['user_deletion_requested', 'user user unknown'],
    ['request_password_reset', 'user password unknown'],
    ['schedule_user_deletion', 'user user unknown'],
    ['cancel_user_deletion', 'user user unknown'],
    ['role_deletion_approved', 'role role unknown'],
    ['undo_delete_policy', 'policy policy unknown'],
    ['policy_deletion_undone', 'policy policy unknown'],
    ['totp_setup_started', 'user mfa unknown'],
    ['before_user_delete', 'user user unknown'],
    ['role_request_deleted', 'unknown unknown delete'],
    ['user_access_reviewed', 'privilege assignment unknown'],
    ['violation.opened', 'content insight unknown'],
    ['alert_opened', 'content alert unknown'],
    ['report_opened', 'content report read'],
    ['sync.started', 'run sync_run start'],
  ])('%s', (eventType, expected) => expect(meaning(eventType)).toBe(expected));
});
