using System.Diagnostics;

namespace Evergrain.Cluster.Tests.Kubernetes.Image;

/// <summary>A folder of this machine that a container finds at a path of its own.</summary>
/// <param name="From">The folder here.</param>
/// <param name="To">The path there.</param>
/// <param name="IsWritable">Whether it may be written, by a user who may.</param>
internal sealed record ContainerMount(string From, string To, bool IsWritable);

/// <summary>Who a container's process is.</summary>
internal sealed record ContainerUser(long User, long Group, long SharedGroup);

/// <summary>A container's process.</summary>
/// <param name="Arguments">What stands behind the image's entrypoint.</param>
/// <param name="Variables">More variables than the image's; they win.</param>
/// <param name="Mounts">More than the image's files.</param>
/// <param name="User">Who it is.</param>
/// <param name="Root">An empty folder, for its root.</param>
internal sealed record ContainerPlan(IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Variables,
    IReadOnlyList<ContainerMount> Mounts, ContainerUser User, string Root);

/// <summary>
/// How a process is started as a container's: with a root of its own that cannot be written, its mounts, its variables
/// alone, its user, and no capability. It shares this machine's network and processes.
/// </summary>
internal static class ContainerStart
{
    // The root holds this machine's programs and libraries in place of the base image's, and the runtime's folder.
    // Everything is seen by this process and its children alone, and goes with them. Each step becomes the next: the
    // process that was started is the container's.
    private const string Script = """
        set -e
        root=$1 runtime=$2 work=$3 user=$4 group=$5 shared=$6; shift 6
        mount -t tmpfs -o mode=755,size=1m container "$root"
        mkdir "$root/etc" "$root/dev" "$root/proc" "$root/dotnet"
        for folder in usr bin sbin lib lib64; do
          if [ -L "/$folder" ]; then cp -d "/$folder" "$root/"; elif [ -d "/$folder" ]; then
            mkdir "$root/$folder"; mount --bind "/$folder" "$root/$folder"; mount -o remount,bind,ro "$root/$folder"
          fi
        done
        for file in hosts resolv.conf nsswitch.conf ld.so.cache; do
          if [ -f "/etc/$file" ]; then cp "/etc/$file" "$root/etc/"; fi
        done
        mount --rbind /dev "$root/dev"
        mount --rbind /proc "$root/proc"
        mount --bind "$runtime" "$root/dotnet"; mount -o remount,bind,ro "$root/dotnet"
        while [ "$1" != -- ]; do
          mkdir -p "$root$2"; mount --bind "$1" "$root$2"; mount -o "remount,bind,$3" "$root$2"; shift 3
        done
        shift
        mount -o remount,ro "$root"
        exec chroot "$root" env -C "$work" setpriv --reuid="$user" --regid="$group" --groups="$shared" \
          --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
        """;

    /// <summary>Why it cannot be done here; null if it can.</summary>
    public static string? Obstacle { get; } = FindObstacle();

    /// <summary>Prepares one.</summary>
    public static ProcessStartInfo Prepare(PublishedImage image, ContainerPlan plan)
    {
        string[] command =
        [
            "--mount", "--propagation", "private", "sh", "-c", Script, "container", plan.Root, RuntimeFolder(),
            image.File.WorkingFolder, $"{plan.User.User}", $"{plan.User.Group}", $"{plan.User.SharedGroup}",
            .. plan.Mounts.Prepend(new ContainerMount(image.Folder, image.File.Files.To, IsWritable: false))
                .SelectMany(static mount => new[] { mount.From, mount.To, mount.IsWritable ? "rw" : "ro" }),
            "--", .. image.File.Entrypoint, .. plan.Arguments,
        ];
        var start = new ProcessStartInfo("unshare", command) { UseShellExecute = false };
        start.Environment.Clear();
        foreach (var (name, value) in image.Environment.Concat(plan.Variables))
        {
            start.Environment[name] = value;
        }

        // In the image the runtime is on the path as well.
        start.Environment["PATH"] = "/dotnet:/usr/sbin:/usr/bin:/sbin:/bin";
        return start;
    }

    private static string RuntimeFolder()
    {
        var program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(static folder => Path.Combine(folder, "dotnet")).First(File.Exists);
        return Path.GetDirectoryName(File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName ?? program)!;
    }

    private static string? FindObstacle()
    {
        if (Environment.UserName != "root")
        {
            return "only root can give a process the mounts of a container";
        }

        string[] arguments = ["--mount", "--propagation", "private", "true"];
        using var unshare = Process.Start(new ProcessStartInfo("unshare", arguments)
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        unshare.WaitForExit();
        return unshare.ExitCode == 0 ? null : "this machine gives a process no mounts of its own";
    }
}

/// <summary>A test that starts processes as a container's.</summary>
public sealed class ContainerFactAttribute : FactAttribute
{
    public ContainerFactAttribute() => Skip = ContainerStart.Obstacle;
}
