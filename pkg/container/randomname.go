package container

// RandomName makes a name of the kind that Create gives to a container without
// one. It may be taken: Create then says AlreadyExists.
func RandomName() string { return randomName() }
