using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>
/// A network of its own for one process, as a network namespace of Linux, with two links to this machine: one to the
/// other silos, which can be cut, and one to PostgreSQL. Only root may make one.
/// </summary>
internal sealed class CutNetwork : IAsyncDisposable
{
    private readonly string _name;
    private readonly int _number;

    private CutNetwork(int number) =>
        (_number, _name) = (number, "evergrain-" + number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Where the other silos listen.</summary>
    public IPAddress Here => Address(1);

    /// <summary>Where the process within listens.</summary>
    public IPAddress There => Address(2);

    /// <summary>Where the process within finds what it is not cut off from.</summary>
    public IPAddress Service => Address(5);

    private string Link => $"evg{_number}p";

    /// <summary>Makes one; null, where that is not possible.</summary>
    public static async Task<CutNetwork?> TryCreateAsync()
    {
        var network = new CutNetwork(Environment.ProcessId % 200);
        if (Environment.UserName != "root" || !File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") ||
            !await RunAsync("netns", "add", network._name))
        {
            return null;
        }

        return await network.LinkAsync(network.Link, network.Here, network.There) &&
            await network.LinkAsync($"evg{network._number}s", network.Service, network.Address(6)) &&
            await RunAsync("-n", network._name, "link", "set", "lo", "up")
                ? network
                : await network.GoneAsync();
    }

    /// <summary>The command that runs another within.</summary>
    public string[] Within(params string[] command) => ["ip", "netns", "exec", _name, .. command];

    /// <summary>Nothing comes through between the process and the other silos, and nobody is told.</summary>
    public async Task CutAsync() => Assert.True(await RunAsync("link", "set", Link, "down"));

    public async Task MendAsync() => Assert.True(await RunAsync("link", "set", Link, "up"));

    // Its links go with it.
    public async ValueTask DisposeAsync() => await RunAsync("netns", "delete", _name);

    private IPAddress Address(byte last) => new([10, 213, (byte)_number, last]);

    private async Task<CutNetwork?> GoneAsync()
    {
        await DisposeAsync();
        return null;
    }

    private async Task<bool> LinkAsync(string link, IPAddress here, IPAddress there) =>
        await RunAsync("link", "add", link, "type", "veth", "peer", "name", link + "n", "netns", _name) &&
        await RunAsync("address", "add", $"{here}/30", "dev", link) &&
        await RunAsync("link", "set", link, "up") &&
        await RunAsync("-n", _name, "address", "add", $"{there}/30", "dev", link + "n") &&
        await RunAsync("-n", _name, "link", "set", link + "n", "up");

    private static async Task<bool> RunAsync(params string[] arguments)
    {
        using var ip = Process.Start(new ProcessStartInfo("ip", arguments)
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        })!;
        await ip.StandardError.ReadToEndAsync();
        await ip.WaitForExitAsync();
        return ip.ExitCode == 0;
    }
}
