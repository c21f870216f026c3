# What a person must hear of. Thresholds are on what the functions and agents log, and on what Pub/Sub counts.

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  project      = var.project
  display_name = "Overspill (${var.deployment})"
  type         = "email"
  labels       = { email_address = var.alert_email }
  user_labels  = local.labels

  depends_on = [google_project_service.this]
}

locals {
  channels = concat(var.notification_channels, google_monitoring_notification_channel.email[*].id)

  function_logs = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(\"overspill-provision\" OR \"overspill-teardown\")"
  # Cloud Run itself notes each 503 as an ERROR, and "not yet" is a 503: only what the functions write counts.
  written_logs = "${local.function_logs} AND NOT logName:\"run.googleapis.com%2Frequests\""
  agent_logs   = "resource.type=\"k8s_container\" AND jsonPayload.logger:\"overspill_agent\""

  # Events of the log that become metrics; a test looks for their names in the code.
  counted = {
    overlived = {
      description = "Bursts that the sweep had to have removed: their agent did not do it in time."
      filter      = "${local.function_logs} AND jsonPayload.message=\"sweep.expired\""
    }
    over_cap = {
      description = "Decisions not to burst because a spending cap is reached."
      filter      = "${local.agent_logs} AND jsonPayload.code=\"over-cap\""
    }
    failures = {
      description = "Lines that need a person: a teardown that the cloud refuses, wrong settings, an unexpected error."
      filter      = "${local.written_logs} AND severity>=ERROR"
    }
  }

  alerts = {
    dead_letters = {
      title    = "messages are in a dead-letter topic"
      severity = "ERROR"
      filter   = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.labels.subscription_id=monitoring.regex.full_match(\"overspill-.*-dead\")"
      aligner  = "ALIGN_MAX"
      text     = "Somebody must look at them: `gcloud pubsub subscriptions pull NAME-dead --project ${var.project}`. The attribute dead_letter_reason says why. Look for bursts that were left: docs/deploy.md, \"When something is left\"."
    }
    sweep_late = {
      title    = "the sweep fails"
      severity = "CRITICAL"
      filter   = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.labels.subscription_id=\"overspill-sweeps-push\""
      aligner  = "ALIGN_MAX"
      above    = 1800
      text     = "Nothing that outlives its right to exist is found until it works again. Look at the logs of the function overspill-teardown."
    }
    overlived = {
      title    = "a burst outlived its right to exist"
      severity = "WARNING"
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/overspill/overlived\""
      aligner  = "ALIGN_DELTA"
      text     = "The sweep has it removed. Its agent did not: see whether the lead and its agent are alive (`overspill status`)."
    }
    over_cap = {
      title    = "a spending cap holds jobs"
      severity = "WARNING"
      filter   = "resource.type=\"k8s_container\" AND metric.type=\"logging.googleapis.com/user/overspill/over_cap\""
      aligner  = "ALIGN_DELTA"
      text     = "`overspill explain JOBID` shows the figures. Raise the cap, or let the jobs wait."
    }
    failures = {
      title    = "a function logs errors"
      severity = "WARNING"
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/overspill/failures\""
      aligner  = "ALIGN_DELTA"
      text     = "The lines say what is wrong and what to do. A teardown that the cloud refuses leaves something that costs money."
    }
  }
}

resource "google_logging_metric" "this" {
  for_each = local.counted

  project     = var.project
  name        = "overspill/${each.key}"
  description = each.value.description
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  project               = var.project
  display_name          = "Overspill (${var.deployment}): ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  user_labels           = local.labels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = try(each.value.above, 0)
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = each.value.aligner
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.this, google_project_service.this]
}

# Nobody acks a sweep if none is published, or if all are refused: then nothing above would say so.
resource "google_monitoring_alert_policy" "no_sweep" {
  project               = var.project
  display_name          = "Overspill (${var.deployment}): no sweep has ended well"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels
  user_labels           = local.labels

  conditions {
    display_name = "no sweep has ended well"

    condition_absent {
      filter   = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/push_request_count\" AND resource.labels.subscription_id=\"overspill-sweeps-push\" AND metric.labels.response_class=\"ack\""
      duration = "3600s"

      aggregations {
        alignment_period   = "600s"
        per_series_aligner = "ALIGN_DELTA"
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = "Nothing that outlives its right to exist is found until it works again. Look at the scheduler's job overspill-sweep and at the logs of the function overspill-teardown."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.this]
}
