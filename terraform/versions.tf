terraform {
  # 1.11 knows write-only arguments: the private key goes to Secret Manager and never into the state.
  required_version = ">= 1.11"

  # google 6.43 is the first that knows all that is used here: a secret's deletion_protection came last.
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.43, < 8.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
  }
}
