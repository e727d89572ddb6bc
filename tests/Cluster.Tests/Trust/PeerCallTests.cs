using System.Diagnostics;
using System.Globalization;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Grains;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Composition;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>What a call over TCP costs with TLS, beside the same call without it.</summary>
public sealed class PeerCallTests(ITestOutputHelper output)
{
    // A call that does nothing, in one process: 39 µs without TLS and 67 with it, both sides on one busy core. A turn
    // makes a few such calls and takes milliseconds; bench/Cluster asks what TLS costs there.
    private const double RatioMax = 2.5;
    private const int Bytes = 2048;
    private const int Sections = 40;
    private const int SectionCalls = 500;

    [LongFact]
    public async Task Calls_Of2KB_WithTls_TakeLittleMoreThanWithout()
    {
        var authority = new TestAuthority();
        await using var plain = await EchoPair.StartAsync(null);
        await using var secured = await EchoPair.StartAsync(authority);
        var bytes = new byte[Bytes];
        List<double> plainTimes = [], securedTimes = [];
        for (var section = -Sections / 2; section < Sections; section++)
        {
            plainTimes.AddRange(await TimeAsync(plain, bytes, section));
            securedTimes.AddRange(await TimeAsync(secured, bytes, section));
        }

        plainTimes.Sort();
        securedTimes.Sort();
        var (before, after) = (plainTimes[plainTimes.Count / 2], securedTimes[securedTimes.Count / 2]);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"[note] a call of {Bytes} bytes there and back: {before:f1} µs, with TLS {after:f1} µs, " +
            $"{after / before:f2} times (medians of {plainTimes.Count} each)"));
        Assert.InRange(after / before, 0, RatioMax);
    }

    private static async Task<IEnumerable<double>> TimeAsync(EchoPair pair, byte[] bytes, int section)
    {
        var times = new List<double>(SectionCalls);
        for (var call = 0; call < SectionCalls; call++)
        {
            var begun = Stopwatch.GetTimestamp();
            await pair.Grain.Echo(bytes);
            times.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
        }

        return section < 0 ? [] : times;
    }

    /// <summary>A silo and a client in this process, which talk over loopback.</summary>
    private sealed class EchoPair(IHost silo, IHost client) : IAsyncDisposable
    {
        public IEchoGrain Grain { get; } =
            client.Services.GetRequiredService<IGrainFactory>().GetGrain<IEchoGrain>(0);

        public static async Task<EchoPair> StartAsync(TestAuthority? authority)
        {
            var (siloPort, gatewayPort) = (FreePorts.Next(), FreePorts.Next());
            var silo = await HostAsync(authority, builder => builder.UseOrleans(silo =>
            {
                silo.UseLocalhostClustering(siloPort, gatewayPort);
                silo.UsePeerTrust();
            }));
            var client = await HostAsync(authority, builder => builder.UseOrleansClient(client =>
            {
                client.UseLocalhostClustering(gatewayPort);
                client.UsePeerTrust();
            }));
            return new EchoPair(silo, client);
        }

        public async ValueTask DisposeAsync()
        {
            await client.StopAsync();
            await silo.StopAsync();
            client.Dispose();
            silo.Dispose();
        }

        private static async Task<IHost> HostAsync(TestAuthority? authority, Action<HostApplicationBuilder> use)
        {
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton(TimeProvider.System);
            var member = new MemberOptions { Tls = authority is not null };
            builder.Services.AddSingleton(member);
            builder.Services.AddPeerTrust(
                new MemberPlan(ServerRole.Both, member, new ConversationClusterOptions(), new ClusterDatabase("", "")));
            if (authority is not null)
            {
                builder.Services.Replace(ServiceDescriptor.Singleton<ITrustSource>(
                    new GivenTrust(authority.Identify())));
            }

            use(builder);
            var host = builder.Build();
            await host.Services.OpenTrustAsync(CancellationToken.None);
            await host.StartAsync();
            return host;
        }
    }
}

/// <summary>Gives back what it got.</summary>
public interface IEchoGrain : IGrainWithIntegerKey
{
    /// <summary>Does so.</summary>
    Task<byte[]> Echo(byte[] bytes);
}

internal sealed class EchoGrain : Grain, IEchoGrain
{
    public Task<byte[]> Echo(byte[] bytes) => Task.FromResult(bytes);
}
