using System.Net;
using System.Net.Sockets;

namespace Evergrain.Silo;

/// <summary>
/// Looks whether a silo's ports are free. Orleans would find out too, but only after it has begun to join.
/// </summary>
internal static class PortCheck
{
    /// <summary>Listens on each port for a moment.</summary>
    /// <exception cref="IOException">One is taken, or the address is not this machine's.</exception>
    public static void Run(IPAddress address, IReadOnlyList<int> ports)
    {
        foreach (var port in ports)
        {
            try
            {
                using var listener = new TcpListener(address, port);
                listener.Start();
            }
            catch (SocketException e)
            {
                throw new IOException($"The silo cannot listen on {address} with port {port}: " +
                    (e.SocketErrorCode == SocketError.AddressAlreadyInUse ? "another program does." : e.Message), e);
            }
        }
    }
}
