# Reads and writes backups, and cannot delete them: the built-in role of contributors could.
resource "azurerm_role_definition" "backups" {
  name  = "validator-backups-${var.network}"
  scope = azurerm_resource_group.validator.id

  permissions {
    actions = ["Microsoft.Storage/storageAccounts/blobServices/containers/read"]
    data_actions = [
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
    ]
  }

  assignable_scopes = [azurerm_resource_group.validator.id]
}

resource "azurerm_role_assignment" "backups" {
  for_each           = var.members
  scope              = azurerm_storage_container.backups[each.key].id
  role_definition_id = azurerm_role_definition.backups.role_definition_resource_id
  principal_id       = azurerm_linux_virtual_machine.validator[each.key].identity[0].principal_id
}

resource "azurerm_network_interface" "validator" {
  for_each            = var.members
  name                = "validator-${each.key}"
  location            = azurerm_resource_group.validator.location
  resource_group_name = azurerm_resource_group.validator.name

  ip_configuration {
    name                          = "private"
    subnet_id                     = azurerm_subnet.validator.id
    private_ip_address_allocation = "Dynamic"
  }
}

resource "azurerm_linux_virtual_machine" "validator" {
  for_each                   = var.members
  name                       = "validator-${each.key}"
  location                   = azurerm_resource_group.validator.location
  resource_group_name        = azurerm_resource_group.validator.name
  zone                       = each.value.zone
  size                       = var.machine_size
  source_image_id            = var.image_id
  admin_username             = "operator"
  network_interface_ids      = [azurerm_network_interface.validator[each.key].id]
  encryption_at_host_enabled = true
  secure_boot_enabled        = true
  vtpm_enabled               = true
  # Keys and genesis are brought by the operator: what Terraform knows lies readable in its state.
  custom_data = base64encode(file("${path.module}/first-boot.sh"))

  admin_ssh_key {
    username   = "operator"
    public_key = var.admin_key
  }

  os_disk {
    caching                = "ReadWrite"
    storage_account_type   = "Premium_LRS"
    disk_encryption_set_id = azurerm_disk_encryption_set.validator.id
  }

  identity {
    type = "SystemAssigned"
  }

  depends_on = [azurerm_role_assignment.disks_key]

  # A newer image or script is for new machines: a running one is changed by its operator, one at a time.
  lifecycle {
    ignore_changes = [source_image_id, custom_data]
  }
}

resource "azurerm_virtual_machine_data_disk_attachment" "data" {
  for_each           = var.members
  managed_disk_id    = azurerm_managed_disk.data[each.key].id
  virtual_machine_id = azurerm_linux_virtual_machine.validator[each.key].id
  lun                = 0
  # Votes are synced: a cache that is lost with the host would lose them.
  caching = "None"
}
