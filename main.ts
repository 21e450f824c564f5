console.log("kvm-hotplug 0.1.0");
