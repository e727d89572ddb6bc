using System.Globalization;
using Evergrain.Conversations.Ports;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Chat;

/// <summary>Chance for tests: a failure prints the seed to replay it with.</summary>
internal static class Seeded
{
    private const string SeedVariable = "EVERGRAIN_SEED";

    /// <summary>Samples of a generator.</summary>
    public static IEnumerable<T> Samples<T>(this Gen<T> gen, int count, int size, ITestOutputHelper output)
    {
        var seed = Environment.GetEnvironmentVariable(SeedVariable) is { } given
            ? ulong.Parse(given, CultureInfo.InvariantCulture)
            : new RandomIdSource().Next64();
        output.WriteLine($"{SeedVariable}={seed}");
        return gen.Sample(count, new Rnd(seed), size);
    }
}
