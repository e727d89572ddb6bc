using System.Text;
using Evergrain.Conversations.Recognition;
using Evergrain.Silo.Composition;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>How the settings say for whom histories are recognised.</summary>
public sealed class RecognitionSettingsTests
{
    [Theory]
    [InlineData("""{"Evergrain":{}}""", "")]
    [InlineData("""{"Evergrain":{"Recognition":"stored"}}""", "a b")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"Recognition":"stored"}}}}""", "a")]
    [InlineData("""{"Evergrain":{"Recognition":"stored","Tenants":{"a":{"Recognition":"off"}}}}""", "b")]
    [InlineData("""{"Evergrain":{"Tenants":{"a":{"Recognition":"off"},"*":{"Recognition":"stored"}}}}""", "b")]
    public void AddRecognition_SettingsOfTenants_GoBeforeThatOfAll(string json, string tenants)
    {
        var configuration = new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
        var services = new ServiceCollection();
        services.AddRecognition(configuration, isHost: false);
        var options = services.BuildServiceProvider().GetService<RecognitionOptions>();
        Assert.Equal(tenants, string.Join(' ', new[] { "a", "b" }.Where(name => options?.IsOnFor(name) == true)));
    }

    [Theory]
    [InlineData("""{"Evergrain":{"Recognition":"all"}}""", "00:05:00 00:05:00")]
    [InlineData("""{"Evergrain":{"Recognition":"all","UnstoredGrace":"00:00:30"}}""", "00:00:30 00:00:30")]
    [InlineData("""{"Evergrain":{"Recognition":"all","Tenants":{"a":{"UnstoredGrace":"0"}}}}""", "00:00:00 00:05:00")]
    [InlineData(
        """{"Evergrain":{"Tenants":{"a":{"UnstoredGrace":"01:00:00"},"*":{"Recognition":"all"}}}}""",
        "01:00:00 00:05:00")]
    [InlineData(
        """{"Evergrain":{"Tenants":{"a":{"Recognition":"all","UnstoredGrace":"01:00:00"}}}}""",
        "01:00:00 00:00:00")]
    public void AddRecognition_GraceOfTenants_GoesBeforeThatOfAll(string json, string graces)
    {
        var configuration = new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
        var services = new ServiceCollection();
        services.AddRecognition(configuration, isHost: false);
        var options = services.BuildServiceProvider().GetRequiredService<RecognitionOptions>();
        Assert.Equal(graces, string.Join(' ', new[] { "a", "b" }.Select(options.GraceOf)));
    }
}
