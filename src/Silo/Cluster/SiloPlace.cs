using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Evergrain.Silo.Membership;

namespace Evergrain.Silo.Cluster;

/// <summary>
/// Where the cluster's other processes reach this silo: an address and two ports, reserved until disposed.
/// </summary>
/// <remarks>
/// Orleans listens with SO_REUSEPORT: two silos that found the same ports free would share them, and even their name in
/// the cluster. So a silo holds the UDP ports of the same numbers, which the system gives to one process alone.
/// </remarks>
internal sealed class SiloPlace : IDisposable
{
    private const int SiloPortFirst = 11_111, GatewayPortFirst = 30_000;

    // Silos of one machine that need not name their ports.
    private const int PairsMax = 100;

    private readonly List<Socket> _reserved = [];

    private SiloPlace(IPAddress address, int siloPort, int gatewayPort) =>
        (Address, SiloPort, GatewayPort) = (address, siloPort, gatewayPort);

    /// <summary>The address.</summary>
    public IPAddress Address { get; }

    /// <summary>The port for other silos.</summary>
    public int SiloPort { get; }

    /// <summary>The port for frontends.</summary>
    public int GatewayPort { get; }

    /// <summary>Chooses the address, and reserves the first pair of ports that is free.</summary>
    /// <exception cref="InvalidDataException">The cluster's processes would not reach each other.</exception>
    /// <exception cref="IOException">No pair is free, or the address is not this machine's.</exception>
    public static async Task<SiloPlace> ChooseAsync(MemberOptions options, IClusterStore store,
        CancellationToken cancellationToken)
    {
        var address = options.SiloAddress is { } given
            ? IPAddress.Parse(given)
            : await LocalAddressAsync(store, cancellationToken);
        CheckReach(address, await store.ReadMembersAsync(options.Id, cancellationToken));
        for (var pair = 0; ; pair++)
        {
            var place = new SiloPlace(address, options.SiloPort ?? SiloPortFirst + pair,
                options.GatewayPort ?? GatewayPortFirst + pair);
            try
            {
                place.Reserve(place.SiloPort);
                place.Reserve(place.GatewayPort);
                return place;
            }
            catch (SocketException e)
            {
                place.Dispose();
                var isTaken = e.SocketErrorCode == SocketError.AddressAlreadyInUse;
                if (!isTaken || pair >= PairsMax || (options.SiloPort is not null && options.GatewayPort is not null))
                {
                    throw new IOException($"The silo cannot listen on {address} with ports {place.SiloPort} and " +
                        $"{place.GatewayPort}: {(isTaken ? "another program does." : e.Message)}", e);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _reserved.ForEach(static socket => socket.Dispose());

    /// <summary>Refuses loopback where a member is on another host.</summary>
    /// <exception cref="InvalidDataException">Loopback leads elsewhere there.</exception>
    internal static void CheckReach(IPAddress address, IReadOnlyList<ClusterMemberPlace> members)
    {
        var own = NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(static network => network.GetIPProperties().UnicastAddresses)
            .Select(static unicast => unicast.Address).ToHashSet();
        foreach (var member in members.Where(IsElsewhere))
        {
            if (IPAddress.IsLoopback(address))
            {
                throw new InvalidDataException($"This silo would be reached at {address}, and the cluster has a " +
                    $"member on another host, {member.Host} at {member.Address}: set SiloAddress (--silo-address) to " +
                    "the address at which other hosts reach this one.");
            }

            if (IPAddress.IsLoopback(member.Address))
            {
                throw new InvalidDataException($"The cluster has a member on another host, {member.Host}, that is " +
                    $"reached at {member.Address}: start that one again with SiloAddress (--silo-address) set.");
            }
        }

        bool IsElsewhere(ClusterMemberPlace member) =>
            !member.Host.Equals(Dns.GetHostName(), StringComparison.OrdinalIgnoreCase) ||
            !(IPAddress.IsLoopback(member.Address) || own.Contains(member.Address));
    }

    /// <summary>The address from which this machine's packets go to the store; nothing is sent.</summary>
    private static async Task<IPAddress> LocalAddressAsync(IClusterStore store,
        CancellationToken cancellationToken)
    {
        if (store.Host.StartsWith('/'))
        {
            return IPAddress.Loopback;
        }

        var addresses = await Dns.GetHostAddressesAsync(store.Host, cancellationToken);
        foreach (var server in addresses.OrderBy(static address => address.AddressFamily))
        {
            try
            {
                using var way = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
                await way.ConnectAsync(server, store.Port, cancellationToken);
                var local = ((IPEndPoint)way.LocalEndPoint!).Address;
                return IPAddress.IsLoopback(local) ? IPAddress.Loopback : local;
            }
            catch (SocketException)
            {
                // No way to this one of the server's addresses.
            }
        }

        return IPAddress.Loopback;
    }

    private void Reserve(int port)
    {
        var socket = new Socket(Address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        _reserved.Add(socket);
        socket.Bind(new IPEndPoint(Address, port));

        // Programs that reserve nothing.
        using var listener = new TcpListener(Address, port);
        listener.Start();
    }
}
