# What a deployment is, who uses it, and what it may spend. Networks stand in variables_network.tf.

variable "project" {
  description = "Google Cloud project of topics, functions and secrets. One deployment a project: topics have fixed names."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id (my-project-1), no name and no number."
  }
}

variable "burst_project" {
  description = "Project of the bursts' clusters. One that holds nothing else is recommended: the functions' rights to create and delete clusters then reach nothing of yours. Default: project."
  type        = string
  default     = null

  validation {
    condition     = var.burst_project == null || can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.burst_project))
    error_message = "burst_project must be a project id (my-bursts-1), no name and no number."
  }
}

variable "region" {
  description = "Region of functions, messages and the burst nodes' subnetwork; templates' zones must lie in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-central1, no zone."
  }
}

variable "deployment" {
  description = "Name of this deployment: a label on all that it makes, and what its functions tell their clusters from others' by. Unique among the deployments that share a burst project."
  type        = string
  default     = "default"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", var.deployment))
    error_message = "deployment must be 1 to 40 of [a-z0-9-], and neither begin nor end with a hyphen."
  }
}

variable "labels" {
  description = "Further labels on all that can have labels."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.labels) : !contains(["overspill", "deployment", "app"], key)])
    error_message = "labels must not set overspill, deployment or app: they are what tells our own things from others."
  }
}

variable "leads" {
  description = "The Flux instances that may burst, by lead id. namespace and service_account are those of the lead's pods in Kubernetes (`overspill init` calls the account <lead id>-overspill); identity_project is the project of the lead's GKE cluster. host and port say where burst nodes dial, where the agent cannot find it itself. slots gives each slot's template."
  type = map(object({
    namespace        = optional(string, "default")
    service_account  = optional(string)
    identity_project = optional(string)
    host             = optional(string)
    port             = optional(number, 8050)
    slots            = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for id in keys(var.leads) : can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", id))])
    error_message = "A lead id must be 1 to 40 of [a-z0-9-], and neither begin nor end with a hyphen."
  }

  validation {
    condition     = alltrue([for lead in var.leads : lead.port >= 1 && lead.port <= 65535])
    error_message = "A lead's port must be 1 to 65535."
  }

  validation {
    condition = alltrue(flatten([
      for lead in var.leads : [for template in values(lead.slots) : contains(keys(var.templates), template)]
    ]))
    error_message = "Each slot of a lead must name one of the templates."
  }
}

variable "templates" {
  description = "The kinds of nodes that can be rented, by name: they go into the agents' settings, and what they name is what the provision function allows. docs/settings.md explains the fields."
  type = map(object({
    machine_type      = string
    cores             = number
    memory_mib        = number
    zones             = list(string)
    gpus              = optional(number)
    accelerator_type  = optional(string)
    price_usd_per_h   = optional(number)
    spot              = optional(bool)
    threads_per_core  = optional(number)
    compact_placement = optional(bool)
    tier_1_network    = optional(bool)
    gvnic             = optional(bool)
    boot_disk_gib     = optional(number)
    boot_disk_type    = optional(string)
    image_streaming   = optional(bool)
    app_image         = optional(string)
    flux_version      = optional(string)
    mounts            = optional(list(string))
    volumes = optional(list(object({
      name       = string
      mount_path = string
      read_only  = optional(bool)
      gcs_bucket = optional(string)
      nfs        = optional(object({ server = string, path = string }))
    })))
  }))

  validation {
    condition     = length(var.templates) > 0
    error_message = "Give at least one template: nothing else may be rented."
  }

  validation {
    condition     = alltrue([for name in keys(var.templates) : can(regex("^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    error_message = "A template's name must be 1 to 40 of [a-z0-9-], and neither begin nor end with a hyphen."
  }

  validation {
    condition = alltrue(flatten([
      for template in var.templates : [for zone in template.zones : startswith(zone, "${var.region}-")]
    ]))
    error_message = "Each zone of a template must lie in the region: the burst nodes' subnetwork does."
  }

  validation {
    condition     = alltrue([for template in var.templates : length(template.zones) > 0])
    error_message = "Each template needs at least one zone."
  }
}

# Keys -----------------------------------------------------------------------------------------------------------------

variable "public_key" {
  description = "The public line of `overspill keygen KEY` (KEY.pub): agents seal the curve certificate for it."
  type        = string

  validation {
    condition     = can(regex("^overspill-public-key:v1:[A-Za-z0-9+/]{43}=$", trimspace(var.public_key)))
    error_message = "public_key must be the line overspill-public-key:v1:… in the .pub file of `overspill keygen`."
  }
}

variable "private_keys" {
  description = "The private lines (KEY), the newest first; several while keys rotate. They go to Secret Manager and not into the state. A saved plan file holds them: apply without one, or keep it as secret."
  type        = string
  sensitive   = true

  validation {
    condition = length(regexall("(?m)^overspill-private-key:v1:[A-Za-z0-9+/]{43}=\\s*$", var.private_keys)) > 0 && alltrue([
      for line in split("\n", trimspace(var.private_keys)) :
      can(regex("^(#.*|overspill-private-key:v1:[A-Za-z0-9+/]{43}=)?\\s*$", line))
    ])
    error_message = "private_keys must be the lines overspill-private-key:v1:… that `overspill keygen` writes."
  }
}

variable "keys_version" {
  description = "Raise it by one with each change of private_keys: what is not kept cannot be compared."
  type        = number
  default     = 1

  validation {
    condition     = var.keys_version >= 1 && floor(var.keys_version) == var.keys_version
    error_message = "keys_version must be a whole number from 1."
  }
}

# Guardrails: what the functions enforce, whatever a message says --------------------------------------------------------

variable "max_bursts" {
  description = "Most bursts that may exist at once; the functions' instances and the networks' ranges follow it."
  type        = number
  default     = 4

  validation {
    condition     = var.max_bursts >= 1 && var.max_bursts <= 98 && floor(var.max_bursts) == var.max_bursts
    error_message = "max_bursts must be a whole number from 1 to 98: a function has at most 100 instances, two to spare."
  }
}

variable "max_nodes_per_burst" {
  description = "Most nodes that one burst may have."
  type        = number
  default     = 64

  validation {
    condition     = var.max_nodes_per_burst >= 1 && floor(var.max_nodes_per_burst) == var.max_nodes_per_burst
    error_message = "max_nodes_per_burst must be a whole number from 1."
  }
}

variable "max_lifetime_s" {
  description = "Nothing of a burst exists for longer, in seconds."
  type        = number
  default     = 28800

  validation {
    condition     = var.max_lifetime_s >= 3600 && var.max_lifetime_s <= 604800
    error_message = "max_lifetime_s must be an hour (3600) to a week (604800)."
  }
}

variable "max_message_age_s" {
  description = "A request older than this many seconds makes nothing any more."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_message_age_s >= 60 && var.max_message_age_s <= 86400
    error_message = "max_message_age_s must be a minute (60) to a day (86400)."
  }
}

variable "allowed_machine_types" {
  description = "Machine types that may be rented, as shell-style patterns. Default: those of the templates."
  type        = list(string)
  default     = null
}

variable "allowed_zones" {
  description = "Zones in which clusters may be made, as shell-style patterns. Default: those of the templates."
  type        = list(string)
  default     = null
}

variable "allowed_images" {
  description = "Registry paths (ghcr.io/my-lab allows all below it) or digests that burst nodes may run. Empty: any image."
  type        = list(string)
  default     = []
}

variable "allowed_lead_ranges" {
  description = "CIDR ranges in which a lead's address must lie. Default: private addresses alone; a public lead's own must be given."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for range in coalesce(var.allowed_lead_ranges, []) : can(cidrnetmask(range)) || can(cidrhost(range, 0))])
    error_message = "allowed_lead_ranges must be CIDR ranges such as 10.0.0.0/8."
  }

  validation {
    condition     = var.lead_access == "internal" || length(concat(coalesce(var.allowed_lead_ranges, []), var.allowed_lead_names)) > 0
    error_message = "lead_access = \"public\" needs allowed_lead_ranges or allowed_lead_names: where may a lead be?"
  }
}

variable "allowed_lead_names" {
  description = "Host names that a lead's address may have, as shell-style patterns; they are not resolved. Empty: addresses alone."
  type        = list(string)
  default     = []
}

variable "operator_image" {
  description = "The Flux Operator's image by its digest, for its manifest names a tag: `crane digest ghcr.io/flux-framework/flux-operator:latest` tells today's, to be given as ghcr.io/flux-framework/flux-operator@sha256:DIGEST."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.operator_image))
    error_message = "operator_image needs IMAGE@sha256:DIGEST: a tag may mean something else tomorrow."
  }
}

variable "operator_manifest" {
  description = "The Flux Operator's manifest that is installed on burst clusters: an https URL that never changes, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
  default = {
    url    = "https://raw.githubusercontent.com/flux-framework/flux-operator/0d75cef855dee5351d68e32ec139a70e892b5268/examples/dist/flux-operator.yaml"
    sha256 = "9c8b9b32b5699d8b9864050844b922e89dae8f9103c81a29e7c116bd3b527227"
  }

  validation {
    condition     = startswith(var.operator_manifest.url, "https://") && can(regex("^[0-9a-f]{64}$", var.operator_manifest.sha256))
    error_message = "operator_manifest needs an https URL and the 64 hex digits of its SHA-256."
  }
}

# Agents ---------------------------------------------------------------------------------------------------------------

variable "agent" {
  description = "Further settings in each agent's file, by their names in docs/settings.md: texts, numbers, booleans."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.agent), [
      "project", "deployment", "lead_id", "lead_host", "lead_port", "public_key", "max_lifetime_s", "max_bursts", "slots", "templates",
    ])) == 0
    error_message = "agent must not repeat what other variables say: project, deployment, leads, public_key, max_lifetime_s, max_bursts, templates."
  }
}

# Rights, alerts, care -------------------------------------------------------------------------------------------------

variable "iam_mode" {
  description = "predefined: Google's own roles. custom: roles with just the calls that the code makes (calls.yaml); not verified on a live project yet."
  type        = string
  default     = "predefined"

  validation {
    condition     = contains(["predefined", "custom"], var.iam_mode)
    error_message = "iam_mode must be predefined or custom."
  }
}

variable "sweep_schedule" {
  description = "When the sweep looks for bursts that outlived their right to exist, in cron's form; at least once an hour, or the alert no_sweep rings."
  type        = string
  default     = "*/10 * * * *"

  validation {
    condition     = length(split(" ", trimspace(var.sweep_schedule))) == 5
    error_message = "sweep_schedule must have cron's five fields, such as */10 * * * *."
  }
}

variable "alert_email" {
  description = "Who is mailed by alerts. Without it, and without notification_channels, incidents show in the console only."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alert_email))
    error_message = "alert_email must be a mail address."
  }
}

variable "notification_channels" {
  description = "Channels of Cloud Monitoring that exist already (projects/…/notificationChannels/…)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "notification_channels must be of the form projects/PROJECT/notificationChannels/NUMBER."
  }
}

variable "log_level" {
  description = "Lines of the functions below this level are not written."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warning", "error"], var.log_level)
    error_message = "log_level must be debug, info, warning or error."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the secret of the private keys. To tear a deployment down, apply false first."
  type        = bool
  default     = true
}

variable "zip_folder" {
  description = "Folder that the functions' zips are written to. Default: .terraform of the root module."
  type        = string
  default     = null
}
